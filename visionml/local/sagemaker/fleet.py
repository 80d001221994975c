"""The instances behind an endpoint configuration, and how a request finds one."""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from visionml.local.sagemaker.core import Document
from visionml.local.sagemaker.instance import Design, Instance, run_together

DRAIN_SECONDS = 65
"""A little more than a container may take for a request."""
_DRAIN_POLL_SECONDS = 0.02


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

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.design.variant

    def launch(self) -> None:
        """Start the desired number of instances; raise `LaunchFailed` when one does not come."""
        made = [Instance(self.design, self.cloud) for _ in range(self.desired)]
        self.instances += made
        run_together([instance.launch for instance in made])

    def choose(self) -> Instance | None:
        """Return an instance that takes requests, by the variant's routing strategy."""
        ready = [instance for instance in self.instances if instance.ready]
        if not ready:
            return None
        strategy = self.config.get("RoutingConfig", {}).get("RoutingStrategy")
        if strategy == "LEAST_OUTSTANDING_REQUESTS":
            least = min(instance.busy for instance in ready)
            ready = [instance for instance in ready if instance.busy == least]
        return random.choice(ready)  # noqa: S311  (spreads load)

    def summary(self) -> Document:
        """Return ``ProductionVariantSummary``."""
        return {
            "VariantName": self.name,
            "DeployedImages": [self.image],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
            "CurrentInstanceCount": len(self.instances),
            "DesiredInstanceCount": self.desired,
            "RoutingConfig": self.config.get("RoutingConfig"),
        }


@dataclass(eq=False)
class Fleet:
    """All variants of one endpoint configuration."""

    config_name: str
    variants: Sequence[Variant]

    def launch(self) -> None:
        """Start all instances; raise `LaunchFailed` when one does not come into service."""
        run_together([variant.launch for variant in self.variants])

    def variant(self, name: str) -> Variant | None:
        """Return the variant of a name."""
        return next((variant for variant in self.variants if variant.name == name), None)

    def choose(self) -> Variant:
        """Return a variant at random, by weight."""
        weights = [variant.weight for variant in self.variants]
        if not any(weights):
            return self.variants[0]
        return random.choices(self.variants, weights)[0]  # noqa: S311  (spreads load)

    def drain(self) -> None:
        """Wait until no instance works on a request, at most `DRAIN_SECONDS`."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while any(instance.busy for instance in self._instances()):
            if time.monotonic() > deadline:
                return
            time.sleep(_DRAIN_POLL_SECONDS)

    def stop(self) -> None:
        """End all instances."""
        run_together([instance.stop for instance in self._instances()])

    def _instances(self) -> list[Instance]:
        return [instance for variant in self.variants for instance in variant.instances]


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

    def lease(self, variant_name: str | None) -> tuple[Variant, Instance | None] | None:
        """Return a variant and an instance counted as busy; None when there is no such variant.

        The caller gives the instance back with `release`.
        """
        with self._lock:
            if not self.routes:
                return None
            shares = [route.share for route in self.routes]
            fleet = random.choices(self.routes, shares)[0].fleet  # noqa: S311  (spreads load)
            variant = fleet.variant(variant_name) if variant_name else fleet.choose()
            if variant is None:
                return None
            instance = variant.choose()
            if instance is not None:
                instance.busy += 1
            return variant, instance


def release(instance: Instance) -> None:
    """Give back a leased instance."""
    instance.busy -= 1
