"""What each switch saves in a month, or would save."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from visionml.contracts.settings import NightSettings, Settings
from visionml.economics.assumptions import at, chosen
from visionml.economics.estimate import Estimate, estimate
from visionml.economics.prices import Prices
from visionml.economics.template import Template
from visionml.economics.workload import Workload

PEERS = {"m5": "m6g", "c5": "c6g"}
"""Families of SageMaker's instances and those of the same size with Graviton."""


@dataclass(frozen=True)
class Case:
    """All that an estimate is made from."""

    settings: Settings
    templates: Mapping[str, Template]
    region: str | None = None
    assume: Mapping[str, float] = field(default_factory=dict)

    def estimate(self) -> Estimate:
        """Return what it costs in a month."""
        return estimate(self.settings, self.templates, region=self.region, assume=self.assume)

    def setting(self, part: str, **values: Any) -> "Case":
        """Return the case with other settings in one part of them."""
        changed = getattr(self.settings, part).model_copy(update=values)
        return replace(self, settings=self.settings.model_copy(update={part: changed}))

    def resources(self, kind: str, change: Callable[[dict[str, Any]], None]) -> "Case":
        """Return the case with the properties of a type's resources changed."""
        templates = copy.deepcopy(dict(self.templates))
        for template in templates.values():
            for resource in template.get("Resources", {}).values():
                if resource["Type"] == kind:
                    change(resource.setdefault("Properties", {}))
        return replace(self, templates=templates)


@dataclass(frozen=True)
class Saving:
    """What a month costs with and without one switch."""

    switch: str
    what: str
    on: bool
    """Whether the environment has it now."""
    without_usd: float
    with_usd: float

    @property
    def saves_usd(self) -> float:
        """What the switch saves in a month; negative where it costs."""
        return self.without_usd - self.with_usd


def savings(case: Case) -> tuple[Saving, ...]:
    """Return what every switch saves, the largest first."""
    now = case.estimate().usd
    found = [*_toggled(case, now), *_endpoints(case, now)]
    return tuple(sorted(found, key=lambda saving: saving.saves_usd, reverse=True))


def _toggled(case: Case, now: float) -> Iterator[Saving]:
    for name, what, is_on, other in (
        ("spot-training", "Train on spot capacity.", case.settings.training.spot, _spot_training),
        ("spot-batch", "Run batches on spot capacity.", case.settings.batch.spot, _spot_batch),
        ("graviton-functions", "Run functions on Graviton.", _has_graviton(case), _graviton),
        ("s3-tiers", "Move images to cheaper classes of S3.", _has_tiers(case), _tiers),
        (
            "on-demand-streams",
            "Let AWS size the streams instead of paying for shards.",
            case.settings.stream.mode == "on_demand",
            _stream_mode,
        ),
        (
            "api-cache",
            "Answer repeated images from the API's cache.",
            case.settings.serving.cache_seconds > 0,
            _cache,
        ),
        (
            "night-scaling",
            "Have one instance from 22 to 6 o'clock, or what `serving.night` says.",
            case.settings.serving.night is not None,
            _night,
        ),
        (
            "public-network",
            "Reach AWS over the internet, without the endpoints of a private network.",
            not case.settings.private_network,
            _public,
        ),
    ):
        changed = other(case)
        if changed is not None:
            alternative = changed.estimate().usd
            without, having = (alternative, now) if is_on else (now, alternative)
            yield Saving(name, what, is_on, without, having)


def _spot_training(case: Case) -> Case:
    return case.setting("training", spot=not case.settings.training.spot)


def _spot_batch(case: Case) -> Case:
    return case.setting("batch", spot=not case.settings.batch.spot)


_FUNCTION = "AWS::Lambda::Function"


def _zipped(case: Case) -> Iterator[Mapping[str, Any]]:
    for template in case.templates.values():
        for resource in template.get("Resources", {}).values():
            if resource["Type"] == _FUNCTION and "ImageUri" not in resource["Properties"]["Code"]:
                yield resource["Properties"]


def _has_graviton(case: Case) -> bool:
    return any("arm64" in each.get("Architectures", ()) for each in _zipped(case))


def _graviton(case: Case) -> Case:
    architecture = "x86_64" if _has_graviton(case) else "arm64"

    def change(properties: dict[str, Any]) -> None:
        if "ImageUri" not in properties["Code"]:
            properties["Architectures"] = [architecture]

    return case.resources(_FUNCTION, change)


def _has_tiers(case: Case) -> bool:
    return any(
        "Transitions" in rule
        for template in case.templates.values()
        for resource in template.get("Resources", {}).values()
        if resource["Type"] == "AWS::S3::Bucket"
        for rule in resource["Properties"].get("LifecycleConfiguration", {}).get("Rules", ())
    )


def _tiers(case: Case) -> Case | None:
    if not _has_tiers(case):
        return None

    def change(properties: dict[str, Any]) -> None:
        for rule in properties.get("LifecycleConfiguration", {}).get("Rules", ()):
            rule.pop("Transitions", None)

    return case.resources("AWS::S3::Bucket", change)


def _stream_mode(case: Case) -> Case:
    stream = case.settings.stream
    on_demand = stream.mode == "on_demand"

    def change(properties: dict[str, Any]) -> None:
        properties["StreamModeDetails"] = {
            "StreamMode": "PROVISIONED" if on_demand else "ON_DEMAND"
        }
        properties["ShardCount"] = stream.minimum_shards

    return case.resources("AWS::Kinesis::Stream", change)


def _cache(case: Case) -> Case | None:
    if not case.settings.serving.cache_seconds:
        return case.setting("serving", cache_seconds=300)

    def change(properties: dict[str, Any]) -> None:
        properties.pop("CacheClusterEnabled", None)

    without = case.resources("AWS::ApiGateway::Stage", change)
    return without.setting("serving", cache_seconds=0)


def _night(case: Case) -> Case:
    night = None if case.settings.serving.night else NightSettings()
    return case.setting("serving", night=night)


def _public(case: Case) -> Case | None:
    if not case.settings.private_network:
        return None

    def change(properties: dict[str, Any]) -> None:
        properties["VpcEndpointType"] = "Gateway"

    return case.resources("AWS::EC2::VPCEndpoint", change)


def _endpoints(case: Case, now: float) -> Iterator[Saving]:
    """Yield what other kinds of endpoints save; their prices do not follow from a setting."""
    found = case.estimate()
    work = Workload(case.settings, at(chosen(case.assume), "typical"))
    instances = sum(
        line.usd
        for line in found.lines
        if line.service == "SageMaker" and line.driver == "predictions"
    )
    models = work.assumed["hosted_models"]
    yield Saving(
        "multi-model-endpoint",
        f"Serve {models:g} models from one endpoint instead of one each.",
        on=False,
        without_usd=now + (models - 1) * instances,
        with_usd=now,
    )
    yield Saving(
        "serverless-endpoint",
        "Pay for the seconds of predictions, not for instances; first answers are slow.",
        on=False,
        without_usd=now,
        with_usd=now - instances + serverless_usd(work, found.prices),
    )
    graviton = _graviton_instance(case.settings.serving.instance_type)
    if graviton in found.prices:
        other = case.setting("serving", instance_type=graviton).estimate().usd
        what = f"Serve on {graviton}; the container has to be built for arm64."
        yield Saving("graviton-endpoint", what, on=False, without_usd=now, with_usd=other)


def serverless_usd(work: Workload, prices: Prices) -> float:
    """Return a month of a serverless endpoint that answers what the endpoint answers."""
    images = work.invocations + (work.batch_images if _by_endpoint(work) else 0)
    seconds = images * work.assumed["prediction_seconds"] * work.assumed["serverless_gigabytes"]
    gigabytes = images * work.assumed["request_kilobytes"] / 1e6
    return prices["serverless-gb-second"].usd(seconds) + prices["hosting-data"].usd(gigabytes)


def _by_endpoint(work: Workload) -> bool:
    return work.settings.batch.method == "endpoint"


def _graviton_instance(instance: str) -> str:
    _, family, size = instance.split(".")
    return f"ml.{PEERS.get(family, '')}.{size}"
