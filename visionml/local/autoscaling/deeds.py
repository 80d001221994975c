"""Scaling as it happens: about every second, what alarms and schedules ask for is done."""

import logging
import threading
import time
from dataclasses import dataclass

from visionml.local.autoscaling import schedule, tracking
from visionml.local.autoscaling.core import Action, Activity, Policy, State, Target, now
from visionml.local.autoscaling.fleet import CHANGING, Surroundings
from visionml.local.refusals import Fault

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
_AFTER_FAILURE_SECONDS = 10.0
"""How long a target is left alone that could not be scaled."""


@dataclass
class Scaler:
    """Brings targets to the capacity that their policies and schedules ask for."""

    state: State
    around: Surroundings

    def start(self) -> None:
        """Look about every second from now on."""

        def watch() -> None:
            while True:
                time.sleep(EVERY_SECONDS)
                self.look()

        threading.Thread(target=watch, name="autoscaling", daemon=True).start()

    def look(self) -> None:
        """Look at every target once."""
        with self.state.lock:
            targets = list(self.state.targets.values())
        for target in targets:
            try:
                self._look_at(target)
            except Exception:  # the next target has its turn all the same
                log.exception("The target %s could not be looked at.", target.resource_id)

    def _look_at(self, target: Target) -> None:
        if not self.around.stands(target.scope, target.variant):
            self._forget(target)
            return
        found = self.around.describe(target.scope, target.variant)
        if found is None:
            return
        status, summary = found
        running = self.state.under_way(target)
        if running is not None:
            self._follow(running, status, int(summary["CurrentInstanceCount"]))
            return
        for action in list(target.actions.values()):
            self._do_scheduled(target, action)
        current = int(summary["DesiredInstanceCount"])
        bounded = target.within(current)
        if bounded != current:
            cause = "minimum capacity" if bounded > current else "maximum capacity"
            self._scale(target, bounded, f"{cause} was set to {bounded}")
            return
        for policy in list(target.policies.values()):
            if self._track(target, policy, current):
                return

    def _forget(self, target: Target) -> None:
        """Deregister a target whose endpoint was deleted, which DeleteEndpoint does on AWS."""
        with self.state.lock:
            self.state.targets.pop((target.scope, target.resource_id), None)
        for policy in target.policies.values():
            self.around.delete_alarms([policy.high, policy.low])

    def _follow(self, activity: Activity, status: str, current: int) -> None:
        if status == CHANGING:
            return
        if current == activity.wanted:
            activity.end(
                "Successful",
                f"Successfully set desired instance count to {current}. Change successfully "
                "fulfilled by sagemaker.",
            )
        else:
            activity.end(
                "Unfulfilled",
                f"Set desired instance count to {activity.wanted}, but sagemaker runs {current}.",
            )

    def _do_scheduled(self, target: Target, action: Action) -> None:
        moment = now()
        if target.suspended.get("ScheduledScalingSuspended") or not schedule.due(action, moment):
            return
        wanted = action.request["ScalableTargetAction"]
        target.minimum = int(wanted.get("MinCapacity", target.minimum))
        target.maximum = max(target.minimum, int(wanted.get("MaxCapacity", target.maximum)))
        schedule.done(action, moment)

    def _track(self, target: Target, policy: Policy, current: int) -> bool:
        """Do what a policy's alarms ask for; tell whether that was anything."""
        metric = tracking.watched(policy.config, target.variant)
        if self.around.alarm_in(target.scope, policy.high):
            if target.suspended.get("DynamicScalingOutSuspended") or tracking.cooling(
                policy.config, since=target.scaled_out, kind="Out", moment=now()
            ):
                return False
            value = self.around.value(target.scope, metric)
            wanted = tracking.raised(target, current=current, value=value, aim=metric.target)
            if wanted <= current:
                self._not_scaled(target, policy, current)
                return False
            target.scaled_out = now()
            return self._scale(target, wanted, _cause(policy.high, policy))
        if not self._may_scale_in(target, policy, current):
            return False
        value = self.around.value(target.scope, metric)
        wanted = tracking.reduced(target, current=current, value=value, aim=metric.target)
        if wanted >= current:
            return False
        target.scaled_in = now()
        return self._scale(target, wanted, _cause(policy.low, policy))

    def _may_scale_in(self, target: Target, policy: Policy, current: int) -> bool:
        held = (
            policy.config.get("DisableScaleIn")
            or target.suspended.get("DynamicScalingInSuspended")
            or current <= target.minimum
            or tracking.cooling(policy.config, since=target.scaled_in, kind="In", moment=now())
        )
        return not held and self.around.alarm_in(target.scope, policy.low)

    def _scale(self, target: Target, wanted: int, cause: str) -> bool:
        """Ask for a capacity; tell whether SageMaker took it."""
        if time.monotonic() < target.left_alone_until:
            return False
        activity = Activity(f"Setting desired instance count to {wanted}.", cause, wanted=wanted)
        try:
            self.around.set_count(target.scope, target.variant, wanted)
        except Fault as fault:
            target.left_alone_until = time.monotonic() + _AFTER_FAILURE_SECONDS
            activity.end(
                "Failed",
                f"Failed to set desired instance count to {wanted}. Reason: {fault.message} "
                f"(Service: AmazonSageMaker; Status Code: {fault.status}; Error Code: "
                f"{fault.code})",
            )
        self.state.begin(target, activity)
        return True

    def _not_scaled(self, target: Target, policy: Policy, current: int) -> None:
        """Say that there are as many as may be, once for as long as that is the newest."""
        newest = next(iter(self.state.past(target.scope, target.resource_id)), None)
        if newest and newest[1].not_scaled:
            return
        reason = {
            "Code": "AlreadyAtMaxCapacity",
            "MaxCapacity": target.maximum,
            "MinCapacity": target.minimum,
            "CurrentCapacity": current,
        }
        kept = Activity(
            "Attempting to scale due to alarm triggered",
            _cause(policy.high, policy),
            not_scaled=[reason],
        )
        kept.end("Successful", "Scaling was not needed.")
        self.state.begin(target, kept)


def _cause(alarm: str, policy: Policy) -> str:
    return f"monitor alarm {alarm} in state ALARM triggered policy {policy.name}"
