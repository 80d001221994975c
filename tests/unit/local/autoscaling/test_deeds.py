"""What is done for targets, over surroundings that a test sets by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from visionml.local.autoscaling.core import Action, Activity, Policy, State, Target, Variant, now
from visionml.local.autoscaling.deeds import Scaler
from visionml.local.autoscaling.tracking import PERIOD_SECONDS, Watched
from visionml.local.sagemaker.core import Scope
from visionml.local.sagemaker.faults import invalid

_SCOPE = Scope("000000000000", "us-east-1")
_RESOURCE = "endpoint/e/variant/ModelA"
_CONFIG: dict[str, Any] = {
    "TargetValue": 60.0,
    "PredefinedMetricSpecification": {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    },
    "ScaleOutCooldown": 60,
    "ScaleInCooldown": 300,
}
_AIM = 60.0 * PERIOD_SECONDS / 60
"""The target in one period."""


@dataclass
class Around:
    """An endpoint and its alarms, as a test wants them."""

    count: int = 1
    status: str = "InService"
    ringing: set[str] = field(default_factory=set)
    measured: float = 0.0
    asked: list[int] = field(default_factory=list)
    refusal: str = ""
    deleted: bool = False
    silenced: list[str] = field(default_factory=list)

    def stands(self, _scope: Scope, _variant: Variant) -> bool:
        return not self.deleted

    def delete_alarms(self, names: Sequence[str]) -> None:
        self.silenced.extend(names)

    def describe(self, _scope: Scope, _variant: Variant) -> tuple[str, Mapping[str, Any]]:
        return self.status, {
            "CurrentInstanceCount": self.count,
            "DesiredInstanceCount": self.count,
        }

    def set_count(self, _scope: Scope, _variant: Variant, count: int) -> None:
        if self.refusal:
            raise invalid(self.refusal)
        self.asked.append(count)
        self.count = count

    def alarm_in(self, _scope: Scope, name: str) -> bool:
        return name in self.ringing

    def value(self, _scope: Scope, _metric: Watched) -> float:
        return self.measured


@dataclass
class Stage:
    """A target with one policy."""

    around: Around
    target: Target
    scaler: Scaler
    state: State

    def past(self) -> list[Activity]:
        return [activity for _, activity in self.state.past(_SCOPE, _RESOURCE)]


@pytest.fixture
def stage() -> Stage:
    around, state = Around(), State()
    target = Target(_SCOPE, _RESOURCE, "arn", "role", 1, 4)
    target.policies["p"] = Policy("p", "arn:policy", dict(_CONFIG), "high", "low")
    state.targets[(_SCOPE, _RESOURCE)] = target
    return Stage(around, target, Scaler(state, around), state)  # type: ignore[arg-type]


def test_a_load_of_three_targets_asks_for_three_instances(stage: Stage) -> None:
    stage.around.ringing, stage.around.measured = {"high"}, 3 * _AIM
    stage.scaler.look()
    assert stage.around.asked == [3]
    assert stage.past()[0].cause == "monitor alarm high in state ALARM triggered policy p"


def test_an_activity_is_successful_once_the_instances_serve(stage: Stage) -> None:
    stage.around.ringing, stage.around.measured = {"high"}, 2 * _AIM
    stage.scaler.look()
    stage.around.status = "Updating"
    stage.scaler.look()
    assert stage.past()[0].status == "InProgress"
    stage.around.status = "InService"
    stage.scaler.look()
    assert stage.past()[0].status == "Successful"


def test_nothing_is_added_while_the_cooldown_lasts(stage: Stage) -> None:
    stage.around.ringing, stage.around.measured = {"high"}, 2 * _AIM
    for _ in range(3):
        stage.scaler.look()
    assert stage.around.asked == [2]
    stage.target.scaled_out = now() - timedelta(seconds=61)
    stage.scaler.look()
    assert stage.around.asked == [2, 4]


def test_the_maximum_is_never_passed_and_the_reason_is_kept_once(stage: Stage) -> None:
    stage.around.count, stage.around.ringing, stage.around.measured = 4, {"high"}, 9 * _AIM
    for _ in range(3):
        stage.scaler.look()
    assert stage.around.asked == []
    assert [a.not_scaled[0]["Code"] for a in stage.past()] == ["AlreadyAtMaxCapacity"]


def test_instances_go_one_cooldown_after_the_other(stage: Stage) -> None:
    stage.around.count, stage.around.ringing, stage.around.measured = 4, {"low"}, _AIM / 2
    stage.scaler.look()
    assert stage.around.asked == [2]
    stage.scaler.look()
    stage.around.measured = _AIM / 4
    stage.scaler.look()
    assert stage.around.asked == [2]
    stage.target.scaled_in = now() - timedelta(seconds=301)
    stage.scaler.look()
    assert stage.around.asked == [2, 1]


@pytest.mark.parametrize("config", [{"DisableScaleIn": True}])
def test_what_may_not_shrink_does_not(stage: Stage, config: dict[str, Any]) -> None:
    stage.target.policies["p"].config |= config
    stage.around.count, stage.around.ringing = 4, {"low"}
    stage.scaler.look()
    assert stage.around.asked == []


@pytest.mark.parametrize(("kind", "alarm"), [("Out", "high"), ("In", "low")])
def test_suspended_scaling_does_nothing(stage: Stage, kind: str, alarm: str) -> None:
    stage.target.suspended[f"DynamicScaling{kind}Suspended"] = True
    stage.around.count, stage.around.ringing, stage.around.measured = 2, {alarm}, 0.0
    stage.scaler.look()
    assert stage.around.asked == []


@pytest.mark.parametrize(("count", "wanted"), [(1, 2), (5, 4)])
def test_a_count_outside_of_the_bounds_is_brought_back(
    stage: Stage, count: int, wanted: int
) -> None:
    stage.target.minimum, stage.around.count = 2, count
    stage.scaler.look()
    assert stage.around.asked == [wanted]


def test_a_refusal_is_a_failed_activity_and_not_repeated_at_once(stage: Stage) -> None:
    stage.around.refusal = "Cannot update in-progress endpoint"
    stage.around.ringing, stage.around.measured = {"high"}, 2 * _AIM
    for _ in range(3):
        stage.target.scaled_out = None
        stage.scaler.look()
    (failed,) = stage.past()
    assert failed.status == "Failed"
    assert "Cannot update in-progress endpoint" in failed.message


def test_a_scheduled_action_is_done_once(stage: Stage) -> None:
    stage.target.actions["night"] = Action(
        "night",
        "arn",
        {"Schedule": "at(2026-01-01T00:00:00)", "ScalableTargetAction": {"MinCapacity": 3}},
    )
    stage.scaler.look()
    assert (stage.target.minimum, stage.around.asked) == (3, [3])
    stage.target.minimum = 1
    stage.scaler.look()
    stage.scaler.look()
    assert stage.target.minimum == 1


def test_a_target_goes_with_its_endpoint(stage: Stage) -> None:
    stage.scaler.look()
    assert stage.state.of(_SCOPE) == [stage.target]
    stage.around.deleted = True
    stage.scaler.look()
    assert stage.state.of(_SCOPE) == []
    assert stage.around.silenced == ["high", "low"]
