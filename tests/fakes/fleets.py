"""Fleets whose instances are names, a clock turned by hand, and alarms that ring on time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Document, Scope
from visionml.local.sagemaker.deployment import Forgotten
from visionml.local.sagemaker.fleet import Fleet, Route, Variant
from visionml.local.sagemaker.hosting import Endpoint
from visionml.local.sagemaker.instance import Design, Instance, LaunchFailed

SCOPE = Scope("000000000000", "us-east-1")
CLOUD = Cloud("https://127.0.0.1:1", None, Path("unused"))


@dataclass(eq=False)
class PaperVariant(Variant):
    """A variant whose instances are ready as soon as they are asked for."""

    fails_after: int | None = None
    """From how many instances on none comes any more."""

    def launch(self, count: int | None = None) -> None:
        """Have instances, or raise `LaunchFailed`."""
        wanted = self.desired if count is None else count
        if self.fails_after is not None and wanted > self.fails_after:
            raise LaunchFailed("No more paper.")
        missing = wanted - len(self.instances)
        made = [Instance(self.design, self.cloud, ready=True) for _ in range(missing)]
        self.instances = [*self.instances, *made]


def paper_variant(name: str, count: int, *, weight: float = 1.0) -> PaperVariant:
    """Return a variant that is not launched yet."""
    design = Design(SCOPE, "endpoint", name, {}, "role", isolated=False, patience_seconds=1)
    return PaperVariant({"InstanceType": "ml.m5.large"}, design, CLOUD, weight, count, {})


def paper_fleet(config: str, count: int, name: str = "A") -> Fleet:
    """Return a fleet of one variant that is not launched yet."""
    return Fleet(config, [paper_variant(name, count)])


def serving(fleet: Fleet) -> Endpoint:
    """Return an endpoint that is served by a fleet."""
    endpoint = Endpoint(SCOPE, "endpoint", SCOPE.arn("endpoint", "endpoint"), {})
    fleet.launch()
    endpoint.end(fleet)
    endpoint.status = "InService"
    endpoint.traffic.send_to(Route(fleet, 1.0))
    return endpoint


@dataclass
class HandClock:
    """A clock that moves when it is waited for, and notes the traffic each time."""

    endpoint: Endpoint
    seconds: float = 0.0
    ends: float = float("inf")
    """When the embedded AWS forgets everything."""
    seen: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    """The share of each configuration at a time."""

    def now(self) -> float:
        """Return the time."""
        return self.seconds

    def wait(self, seconds: float) -> None:
        """Move on."""
        self.seen.append((self.seconds, self.shares()))
        self.seconds += seconds
        if self.seconds >= self.ends:
            raise Forgotten

    def shares(self) -> dict[str, float]:
        """Return the share of the traffic of each configuration now."""
        return {route.fleet.config_name: route.share for route in self.endpoint.traffic.routes}


@dataclass
class Surroundings:
    """Alarms that change at a time on a clock, and a list of events."""

    clock: HandClock
    rings: Mapping[str, float] = field(default_factory=dict)
    """When an alarm goes into state ``ALARM``."""
    gone: Mapping[str, float] = field(default_factory=dict)
    """When an alarm is deleted."""
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def alarm_state(self, scope: Scope, name: str) -> str | None:
        """Return the state of an alarm."""
        assert scope == SCOPE
        if self.clock.now() >= self.gone.get(name, float("inf")):
            return None
        return "ALARM" if self.clock.now() >= self.rings.get(name, float("inf")) else "OK"

    def announce(
        self, scope: Scope, detail_type: str, detail: Document, resources: Sequence[str]
    ) -> None:
        """Keep an event."""
        assert scope == SCOPE
        assert resources == [SCOPE.arn("endpoint", "endpoint")]
        self.events.append((detail_type, detail))
