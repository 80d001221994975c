"""Taking an endpoint from one fleet to another, and back when the new one proves bad."""

import logging
import time
from dataclasses import dataclass, field
from typing import Protocol

from visionml.local.sagemaker.core import Scope
from visionml.local.sagemaker.fleet import Fleet, Route, drain
from visionml.local.sagemaker.hosting import Endpoint, Events
from visionml.local.sagemaker.instance import LaunchFailed
from visionml.local.sagemaker.rollout import (
    Activate,
    Bake,
    Counts,
    Launch,
    Retire,
    Rollout,
    Stage,
    message,
    terminating,
)

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
"""How often alarms and instances are looked at while a deployment bakes."""


class Surroundings(Events, Protocol):
    """What a deployment asks of the rest of the embedded AWS."""

    def alarm_state(self, scope: Scope, name: str) -> str | None:
        """Return the state of an alarm, None when there is none of that name."""


class Clock(Protocol):
    """What a deployment knows of time."""

    def now(self) -> float:
        """Return seconds on a monotonic clock."""

    def wait(self, seconds: float) -> None:
        """Wait, or raise `Forgotten`."""


@dataclass(frozen=True)
class EndpointClock:
    """Time, until the embedded AWS forgets an endpoint."""

    endpoint: Endpoint

    def now(self) -> float:
        """Return seconds on a monotonic clock."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Wait, or raise `Forgotten`."""
        if self.endpoint.over.wait(seconds):
            raise Forgotten


class Forgotten(Exception):
    """The embedded AWS was reset meanwhile."""


class Broken(Exception):
    """The new fleet must not serve; the text is a ``FailureReason``."""


@dataclass
class Deployment:
    """One update of an endpoint; `run` it in a thread of its own."""

    endpoint: Endpoint
    green: Fleet
    """The new fleet, not yet launched."""
    rollout: Rollout
    cloud: Surroundings
    clock: Clock
    _deadline: float = field(default=0.0, init=False)

    @property
    def blue(self) -> Fleet:
        """The fleet that serves until the end."""
        if self.endpoint.fleet is None:
            raise RuntimeError(f"The endpoint {self.endpoint.name} has no fleet to update.")
        return self.endpoint.fleet

    def run(self) -> None:
        """Go through the stages; roll back when one of them shows that the new fleet is bad."""
        self._deadline = self.clock.now() + self.rollout.maximum_seconds
        self.endpoint.begin(self.green)
        self.endpoint.become(self.cloud, "Updating")
        try:
            for stage in self.rollout.stages:
                self._do(stage)
        except Forgotten:
            return
        except Broken as broken:
            self._roll_back(str(broken))
        except Exception as error:
            log.exception("The update of %s failed.", self.endpoint.name)
            self._roll_back(_internal(error))
        else:
            self._finish()

    def _do(self, stage: Stage) -> None:
        self._hush()
        for variant in (self.blue if isinstance(stage, Retire) else self.green).variants:
            variant.show(*message(stage, variant.name, len(variant.instances)))
        self.endpoint.progressed(self.cloud)
        match stage:
            case Launch(count):
                self._launch(count)
            case Activate(active):
                self._activate(active)
            case Bake(seconds):
                self._bake(seconds)
            case Retire(left):
                self._retire(left)
        self._check_fleet()

    def _launch(self, count: Counts) -> None:
        try:
            self.green.launch(count)
        except LaunchFailed as failed:
            raise Broken(str(failed)) from failed

    def _activate(self, active: Counts) -> None:
        for variant in self.green.variants:
            variant.active = active[variant.name]
        share = sum(active.values()) / sum(self.green.desired.values())
        blue = [Route(self.blue, 1.0 - share)] if share < 1 else []
        self.endpoint.traffic.send_to(*blue, Route(self.green, share))

    def _bake(self, seconds: float) -> None:
        end = self.clock.now() + seconds
        while (left := end - self.clock.now()) > 0:
            self.clock.wait(min(POLL_SECONDS, left))
            self._check_alarms()
            self._check_fleet()

    def _retire(self, left: Counts) -> None:
        for variant in self.blue.variants:
            retired = self.endpoint.traffic.retire(variant, left[variant.name])
            drain(retired)
            for instance in retired:
                instance.stop()

    def _check_alarms(self) -> None:
        states = {
            name: self.cloud.alarm_state(self.endpoint.scope, name) for name in self.rollout.alarms
        }
        gone = [name for name, state in states.items() if state is None]
        if gone:
            raise Broken(
                f"The deployment was rolled back: the alarms [{', '.join(gone)}] of "
                "AutoRollbackConfiguration do not exist any more."
            )
        tripped = [name for name, state in states.items() if state == "ALARM"]
        if tripped:
            raise Broken(
                f"The deployment was rolled back: the alarms [{', '.join(tripped)}] went into "
                "state ALARM during the baking period."
            )

    def _check_fleet(self) -> None:
        for variant in self.green.variants:
            if any(instance.deaths for instance in variant.instances):
                raise Broken(
                    f"The deployment was rolled back: a container of production variant "
                    f"{variant.name} ended during the deployment. Please check CloudWatch logs "
                    "for this endpoint."
                )
        if self.clock.now() > self._deadline:
            raise Broken(
                "The deployment was rolled back: it took longer than "
                f"MaximumExecutionTimeoutInSeconds ({self.rollout.maximum_seconds:.0f})."
            )

    def _finish(self) -> None:
        """Let the old fleet answer what it has taken, end it, and be the new one."""
        blue = self.blue
        self.endpoint.traffic.send_to(Route(self.green, 1.0))
        self._end(blue)
        self.green.settle()
        self.endpoint.end(self.green)
        self.endpoint.become(self.cloud, "InService")

    def _roll_back(self, reason: str) -> None:
        """Send all traffic to the old fleet, end the new one, and say why."""
        try:
            self._return_traffic(reason)
        except Exception as error:
            text = str(error) if isinstance(error, LaunchFailed) else _internal(error)
            log.warning("The rollback of %s failed.", self.endpoint.name, exc_info=True)
            text = f"{reason} The rollback failed, too: {text}"
            self.endpoint.become(self.cloud, "UpdateRollbackFailed", reason=text)
            return
        self._end(self.green)
        self.blue.settle()
        self.endpoint.end(self.blue)
        self.endpoint.become(self.cloud, "InService", reason=reason)

    def _return_traffic(self, reason: str) -> None:
        """Put the old fleet back in charge; after rolling steps, bring it to its size before."""
        self._share()
        self.endpoint.become(self.cloud, "RollingBack", reason=reason)
        blue = self.blue
        total = sum(blue.desired.values())
        while len(blue.instances) < total:
            self._hush()
            batch = self.rollout.rollback_batch or total
            wanted = {v.name: min(v.desired, len(v.instances) + batch) for v in blue.variants}
            for variant in blue.variants:
                missing = wanted[variant.name] - len(variant.instances)
                variant.show("Creating", f"Launching {missing} instance(s).")
            self.endpoint.progressed(self.cloud)
            blue.launch(wanted)
            self._share()

    def _share(self) -> None:
        """Send the old fleet as much of the traffic as it has of its instances."""
        share = min(1.0, len(self.blue.instances) / sum(self.blue.desired.values()))
        green = [Route(self.green, 1.0 - share)] if share < 1 else []
        self.endpoint.traffic.send_to(Route(self.blue, share), *green)

    def _hush(self) -> None:
        """Let no variant say what has passed."""
        for variant in (*self.blue.everyone, *self.green.everyone):
            variant.status = None

    def _end(self, fleet: Fleet) -> None:
        self._hush()
        for variant in fleet.everyone:
            variant.show("Deleting", terminating(len(variant.instances)))
        self.endpoint.progressed(self.cloud)
        fleet.drain()
        try:
            fleet.stop()
        except Exception:  # what serves does not depend on it
            log.exception("The fleet of %s did not end.", fleet.config_name)


def _internal(error: Exception) -> str:
    return f"InternalServerError: {type(error).__name__}: {error}"
