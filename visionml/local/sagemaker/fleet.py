"""The instances behind an endpoint configuration, and how a request finds one."""

import random
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from visionml.local.sagemaker.core import Document, now
from visionml.local.sagemaker.instance import Design, Instance, run_together

DRAIN_SECONDS = 65
"""A little more than a container may take for a request."""
_DRAIN_POLL_SECONDS = 0.02
REQUESTS_PER_HOLDER = 8
"""How many requests an instance with a model works on before another one loads it, too."""
COPIES_PER_INSTANCE = 64
"""How many copies a shadow's instance works on; further ones are not sent."""


@dataclass(eq=False)
class Variant:
    """A production variant and its instances."""

    config: Document
    """The variant as the endpoint configuration has it."""
    design: Design
    cloud: Any
    weight: float
    desired: int
    image: Document
    """``DeployedImages``' entry."""
    instances: list[Instance] = field(default_factory=list)
    active: int | None = None
    """How many of the instances get traffic; None for all."""
    desired_weight: float | None = None
    """The weight that it is about to get; None when that is its weight."""
    status: Document | None = None
    """``VariantStatus``' entry while something happens to it."""

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.design.variant

    def launch(self, count: int | None = None) -> None:
        """Start instances until there are `count`, the desired number unless given.

        Raises
        ------
        LaunchFailed
            One does not come into service; none of those that were started here is kept.
        """
        missing = (self.desired if count is None else count) - len(self.instances)
        made = [Instance(self.design, self.cloud) for _ in range(missing)]
        self.instances = [*self.instances, *made]
        try:
            run_together([instance.launch for instance in made])
        except Exception:
            self.instances = [each for each in self.instances if each not in made]
            run_together([instance.stop for instance in made])
            raise

    def choose(self, avoid: Collection[Instance] = (), model: str = "") -> Instance | None:
        """Return an instance that takes requests, by the variant's routing strategy.

        `model` is the one of several that the request is for: where it is loaded comes first.
        """
        active = self.instances[: self.active]
        ready = [instance for instance in active if instance.ready and instance not in avoid]
        if not ready:
            return None
        if model:
            ready = _for_model(ready, model)
        strategy = self.config.get("RoutingConfig", {}).get("RoutingStrategy")
        if strategy == "LEAST_OUTSTANDING_REQUESTS":
            least = min(instance.busy for instance in ready)
            ready = [instance for instance in ready if instance.busy == least]
        return random.choice(ready)  # noqa: S311  (spreads load)

    def show(self, status: str, message: str) -> None:
        """Describe what happens to the variant now."""
        self.status = {"Status": status, "StatusMessage": message, "StartTime": now()}

    def summary(self) -> Document:
        """Return ``ProductionVariantSummary``, or ``PendingProductionVariantSummary``."""
        return {
            "VariantName": self.name,
            "DeployedImages": [self.image],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight if self.desired_weight is None else self.desired_weight,
            # one whose container starts again is still an instance
            "CurrentInstanceCount": sum(each.ready or each.deaths > 0 for each in self.instances),
            "DesiredInstanceCount": self.desired,
            "InstanceType": self.config.get("InstanceType"),
            "VariantStatus": [self.status] if self.status else None,
            "RoutingConfig": self.config.get("RoutingConfig"),
        }


@dataclass(eq=False)
class Fleet:
    """All variants of one endpoint configuration."""

    config_name: str
    variants: Sequence[Variant]
    """What answers requests."""
    shadows: Sequence[Variant] = ()
    """What gets copies of requests and answers nobody."""

    @property
    def everyone(self) -> list[Variant]:
        """All variants."""
        return [*self.variants, *self.shadows]

    def launch(self, counts: Mapping[str, int] | None = None) -> None:
        """Start all instances, or as many as `counts` says; raise `LaunchFailed` as they do."""
        wanted = counts or {}
        run_together([partial(each.launch, wanted.get(each.name)) for each in self.everyone])

    @property
    def desired(self) -> dict[str, int]:
        """The desired number of instances by production variant."""
        return {variant.name: variant.desired for variant in self.variants}

    def variant(self, name: str) -> Variant | None:
        """Return the production variant of a name."""
        return next((variant for variant in self.variants if variant.name == name), None)

    def summaries(self) -> Document:
        """Return the variants as descriptions have them."""
        members = {"ProductionVariants": self.variants, "ShadowProductionVariants": self.shadows}
        return {
            member: [each.summary() for each in variants]
            for member, variants in members.items()
            if variants
        }

    def choose(self) -> Variant:
        """Return a variant at random, by weight."""
        weights = [variant.weight for variant in self.variants]
        if not any(weights):
            return self.variants[0]
        return random.choices(self.variants, weights)[0]  # noqa: S311  (spreads load)

    def settle(self) -> None:
        """Send traffic to all instances; nothing happens to the variants any more."""
        for variant in self.everyone:
            variant.status = variant.active = None

    def drain(self) -> None:
        """Wait until no instance works on a request, at most `DRAIN_SECONDS`."""
        drain(self.instances)

    def stop(self) -> None:
        """End all instances."""
        run_together([instance.stop for instance in self.instances])

    @property
    def instances(self) -> list[Instance]:
        """The instances of all variants."""
        return [instance for variant in self.everyone for instance in variant.instances]


def _for_model(ready: Sequence[Instance], model: str) -> list[Instance]:
    """Return the instances that should answer for a model.

    Those that hold it, unless they are busy: then those that hold the fewest models.
    """
    holding = [each for each in ready if each.models is not None and each.models.has(model)]
    free = [each for each in holding if each.busy < REQUESTS_PER_HOLDER]
    others = [each for each in ready if each not in holding]
    if free or not others:
        return free or holding
    counts = {each: each.models.count if each.models else 0 for each in others}
    return [each for each in others if counts[each] == min(counts.values())]


def drain(instances: Sequence[Instance]) -> None:
    """Wait until no instance works on a request, at most `DRAIN_SECONDS`."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while any(instance.busy for instance in instances):
        if time.monotonic() > deadline:
            return
        time.sleep(_DRAIN_POLL_SECONDS)


@dataclass(frozen=True)
class Route:
    """A fleet and its share of the traffic, between 0 and 1."""

    fleet: Fleet
    share: float


@dataclass
class Traffic:
    """Where an endpoint's requests go; changed as a whole, so that none is lost."""

    routes: tuple[Route, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send_to(self, *routes: Route) -> None:
        """Send all further requests by these routes."""
        with self._lock:
            self.routes = routes

    def lease(
        self, variant_name: str | None, avoid: Collection[Instance] = (), *, model: str = ""
    ) -> tuple[Variant, Instance | None] | None:
        """Return a variant and an instance counted as busy; None when there is no such variant.

        A fleet without a ready instance, but for those to avoid, leaves its share to the others.
        The caller gives the instance back with `release`. `model` is as in `Variant.choose`.
        """
        with self._lock:
            chosen: Variant | None = None
            for fleet in self._in_turn():
                name = chosen.name if chosen else variant_name
                variant = fleet.variant(name) if name else fleet.choose()
                if variant is None:
                    continue
                chosen = chosen or variant
                instance = variant.choose(avoid, model)
                if instance is not None:
                    instance.busy += 1
                    return variant, instance
            return (chosen, None) if chosen else None

    def _in_turn(self) -> list[Fleet]:
        """Return the fleets, first the one that this request is for."""
        if not self.routes:
            return []
        shares = [route.share for route in self.routes]
        first = random.choices(self.routes, shares)[0]  # noqa: S311  (spreads load)
        return [first.fleet, *(each.fleet for each in self.routes if each is not first)]

    def lend_copy(self, variant: Variant) -> tuple[Variant, Instance] | None:
        """Return the shadow of a variant and a ready instance of it, if this request is copied.

        A shadow's weight over the production variant's is the share of the requests that it gets.
        The caller gives the instance back with `release`.
        """
        with self._lock:
            for route in self.routes:
                for shadow in route.fleet.shadows if variant in route.fleet.variants else ():
                    share = shadow.weight / variant.weight if variant.weight else 0.0
                    instance = shadow.choose() if random.random() < share else None  # noqa: S311
                    if instance is not None and instance.busy < COPIES_PER_INSTANCE:
                        instance.busy += 1
                        return shadow, instance
            return None

    def retire(self, variant: Variant, left: int) -> list[Instance]:
        """Take a variant's instances but the first `left` out of service; return them."""
        with self._lock:
            kept, retired = variant.instances[:left], variant.instances[left:]
            variant.instances = kept
            return retired


def release(instance: Instance) -> None:
    """Give back a leased instance."""
    instance.busy -= 1
