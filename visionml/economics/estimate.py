"""What an environment costs in a month, from its templates and settings.

Storage is counted as it is once the oldest files are deleted, not in the first month. Where a
quantity is assumed there is a range, from all assumptions at their cheap end to all at their dear
one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from visionml.contracts.settings import Settings
from visionml.economics import prices as price_table
from visionml.economics.assumptions import LEVELS, Assumption, at, chosen
from visionml.economics.charge import Charge, Charges, World
from visionml.economics.computing import COMPUTING
from visionml.economics.free import FREE
from visionml.economics.keeping import KEEPING
from visionml.economics.prices import Prices
from visionml.economics.standing import STANDING, elsewhere
from visionml.economics.template import DAYS, Resource, Template, Templates
from visionml.economics.workload import Driver, Workload

CHARGES: Mapping[str, Charges] = {**COMPUTING, **KEEPING, **STANDING}
OUTSIDE = "(outside of the stacks)"
_SERVICES = {
    "rekognition": "Rekognition",
    "xray": "X-Ray",
    "ebs": "EC2",
    "ec2": "EC2",
    "ipv4": "EC2",
    "ecr": "ECR",
    "egress": "Data transfer",
    "eventbridge": "EventBridge",
    "ml.": "SageMaker",
    "endpoint": "VPC",
    "nat": "VPC",
}
_NAMES = {
    "ApiGateway": "API Gateway",
    "Events": "EventBridge",
    "KinesisFirehose": "Firehose",
    "Logs": "CloudWatch Logs",
    "SecretsManager": "Secrets Manager",
    "StepFunctions": "Step Functions",
    "WAFv2": "WAF",
}


@dataclass(frozen=True)
class Line:
    """One line of the bill."""

    stack: str
    resource: str
    service: str
    what: str
    driver: Driver
    quantity: float
    unit: str
    usd: float
    low_usd: float
    high_usd: float
    source: str
    """The page of AWS with the price."""


@dataclass(frozen=True)
class Unpriced:
    """Something that may cost money, and that the estimate knows no price of."""

    where: str
    what: str


@dataclass(frozen=True)
class Estimate:
    """A month's bill."""

    environment: str
    prices: Prices
    assumptions: tuple[Assumption, ...]
    lines: tuple[Line, ...]
    unpriced: tuple[Unpriced, ...]
    images: float
    predictions: float
    """In a month; what is asked for, the cache's answers included."""

    @cached_property
    def usd(self) -> float:
        """The month, with every assumption at its typical value."""
        return sum(line.usd for line in self.lines)

    @cached_property
    def range_usd(self) -> tuple[float, float]:
        """The month, with every assumption at its cheap or dear end."""
        return sum(line.low_usd for line in self.lines), sum(line.high_usd for line in self.lines)

    @property
    def per_million_images_usd(self) -> float:
        """What grows with images, for a million of them."""
        return self._driven("images") / self.images * 1e6

    @property
    def per_prediction_usd(self) -> float:
        """What grows with predictions, the endpoint's instances included, for one of them."""
        return self._driven("predictions") / self.predictions

    def _driven(self, driver: Driver) -> float:
        return sum(line.usd for line in self.lines if line.driver == driver)


def estimate(
    settings: Settings,
    templates: Mapping[str, Template],
    *,
    region: str | None = None,
    assume: Mapping[str, float] | None = None,
) -> Estimate:
    """Return what an environment costs in a month.

    `region` is whose prices to take, if not the environment's own; `assume` are assumptions by
    name.

    Raises
    ------
    SettingsInvalid
        There are no prices of that region.
    InvalidInput
        There is no such assumption.
    """
    prices = price_table.load(region or settings.region)
    assumptions = chosen(assume)
    found = Templates(settings, templates)
    cheap, typical, dear = (
        World(found, Workload(settings, at(assumptions, level)), prices) for level in LEVELS
    )
    low, high = dict(_charges(cheap)), dict(_charges(dear))
    lines, missing = [], list(_unknown(found))
    for place, charge in _charges(typical):
        if charge.price in prices:
            usd = [_usd(each, prices) for each in (charge, low.get(place), high.get(place))]
            if any(usd):
                lines.append(_line(place, charge, prices, usd))
        else:
            missing.append(Unpriced(f"{place[0]}/{place[1]}", f"{charge.what}: {charge.price}"))
    return Estimate(
        environment=settings.environment,
        prices=prices,
        assumptions=assumptions,
        lines=tuple(lines),
        unpriced=tuple(missing),
        images=settings.images_per_day * DAYS,
        predictions=settings.predictions_per_day * DAYS,
    )


_Place = tuple[str, str, str, str]


def _charges(world: World) -> Iterator[tuple[_Place, Charge]]:
    for resource in world.templates.resources(*CHARGES):
        for charge in CHARGES[resource.kind](resource, world):
            yield (resource.stack, resource.logical_id, resource.kind, charge.what), charge
    for charge in elsewhere(world):
        yield (OUTSIDE, "", "", charge.what), charge


def _unknown(templates: Templates) -> Iterator[Unpriced]:
    for resource in templates.resources():
        if not known(resource):
            yield Unpriced(f"{resource.stack}/{resource.logical_id}", resource.kind)


def known(resource: Resource) -> bool:
    """Say whether a type is priced, or free for a stated reason."""
    return resource.kind in CHARGES or resource.kind in FREE or resource.kind.startswith("Custom::")


def _usd(charge: Charge | None, prices: Prices) -> float:
    if charge is None or charge.price not in prices:
        return 0.0
    return prices[charge.price].usd(charge.quantity) * charge.factor


def _line(place: _Place, charge: Charge, prices: Prices, usd: list[float]) -> Line:
    stack, resource, kind, what = place
    price = prices[charge.price]
    return Line(
        stack=stack,
        resource=resource,
        service=_service(kind, charge.price),
        what=what,
        driver=charge.driver,
        quantity=charge.quantity,
        unit=price.unit,
        usd=usd[0],
        low_usd=min(usd),
        high_usd=max(usd),
        source=price.source,
    )


def _service(kind: str, price: str) -> str:
    for beginning, service in _SERVICES.items():
        if price.startswith(beginning):
            return service
    service = kind.split("::")[1] if "::" in kind else "Other"
    return _NAMES.get(service, service)
