"""What a deployment configuration means: its stages, and what is refused."""

from typing import Any

import pytest

from visionml.local.sagemaker.faults import Fault
from visionml.local.sagemaker.rollout import (
    Activate,
    Bake,
    Launch,
    Retire,
    Rollout,
    message,
    rollout_of,
)

Config = dict[str, Any]


def size(value: int, kind: str = "CAPACITY_PERCENT") -> Config:
    return {"Type": kind, "Value": value}


def shifting(kind: str, *, wait: int = 60, final: int = 0, **sizes: Any) -> Config:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **sizes}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": final}
    return {"BlueGreenUpdatePolicy": policy}


def rolling(value: int, kind: str = "INSTANCE_COUNT", **more: Any) -> Config:
    policy = {"MaximumBatchSize": size(value, kind), "WaitIntervalInSeconds": 5, **more}
    return {"RollingUpdatePolicy": policy}


def plan(config: Config, *, old: int = 4, new: int = 4) -> Rollout:
    return rollout_of(config, old={"A": old}, new={"A": new})


def active(rollout: Rollout) -> list[int]:
    """Return the instances with traffic after each shift."""
    return [stage.active["A"] for stage in rollout.stages if isinstance(stage, Activate)]


def baked(rollout: Rollout) -> list[tuple[int, str, str]]:
    return [
        (stage.seconds, stage.setting, stage.capacity)
        for stage in rollout.stages
        if isinstance(stage, Bake)
    ]


def test_without_a_policy_all_traffic_moves_at_once_and_nothing_waits() -> None:
    made = plan({})
    assert made.stages == (Launch({"A": 4}), Activate({"A": 4}, "full"))


def test_all_at_once_bakes_after_the_shift_and_before_the_end() -> None:
    made = plan(shifting("ALL_AT_ONCE", wait=30, final=120))
    assert active(made) == [4]
    assert baked(made) == [
        (30, "WaitIntervalInSeconds", "full"),
        (120, "TerminationWaitInSeconds", "full"),
    ]


def test_a_canary_bakes_on_its_share_and_again_on_all() -> None:
    made = plan(shifting("CANARY", final=20, CanarySize=size(25)))
    assert active(made) == [1, 4]
    assert [capacity for _seconds, _setting, capacity in baked(made)] == ["canary", "full", "full"]


@pytest.mark.parametrize(
    ("count", "given", "expected"),
    [
        (2, size(10), 1),
        (10, size(25), 2),
        (3, size(50), 1),
        (4, size(2, "INSTANCE_COUNT"), 2),
    ],
)
def test_a_canary_is_whole_instances_and_never_more_than_asked_for(
    count: int, given: Config, expected: int
) -> None:
    assert active(plan(shifting("CANARY", CanarySize=given), new=count)) == [expected, count]


@pytest.mark.parametrize(
    ("count", "given", "expected"),
    [
        (4, size(25), [1, 2, 3, 4]),
        (4, size(50), [2, 4]),
        (2, size(10), [1, 2]),
        (5, size(2, "INSTANCE_COUNT"), [2, 4, 5]),
    ],
)
def test_linear_steps_add_up_to_all_instances(
    count: int, given: Config, expected: list[int]
) -> None:
    assert active(plan(shifting("LINEAR", LinearStepSize=given), new=count)) == expected


def test_variants_of_different_sizes_shift_together() -> None:
    made = rollout_of(
        shifting("LINEAR", LinearStepSize=size(50)), old={"A": 4, "B": 2}, new={"A": 4, "B": 2}
    )
    shifts = [stage.active for stage in made.stages if isinstance(stage, Activate)]
    assert shifts == [{"A": 2, "B": 1}, {"A": 4, "B": 2}]


def test_a_rolling_update_takes_old_instances_away_as_new_ones_come() -> None:
    made = plan(rolling(2), old=4, new=4)
    assert [type(stage) for stage in made.stages] == [Launch, Activate, Bake, Retire] * 2
    assert [stage.count["A"] for stage in made.stages if isinstance(stage, Launch)] == [2, 4]
    assert [stage.left["A"] for stage in made.stages if isinstance(stage, Retire)] == [2, 0]


def test_a_rolling_update_keeps_an_old_instance_until_the_end() -> None:
    made = plan(rolling(2), old=1, new=4)
    assert [stage.left["A"] for stage in made.stages if isinstance(stage, Retire)] == [1, 0]


def test_a_rolling_update_returns_in_batches_when_asked_to() -> None:
    assert plan(rolling(1)).rollback_batch is None
    back: Config = {"RollbackMaximumBatchSize": size(50)}
    assert plan(rolling(1, **back)).rollback_batch == 2


@pytest.mark.parametrize(
    ("config", "count", "reason"),
    [
        (shifting("CANARY", CanarySize=size(10)), 1, "must have at least 2 instances"),
        (shifting("LINEAR", LinearStepSize=size(10)), 1, "must have at least 2 instances"),
        (shifting("CANARY", CanarySize=size(51)), 4, "between 1% and 50%"),
        (shifting("CANARY", CanarySize=size(3, "INSTANCE_COUNT")), 4, "3 of 4 instances is not"),
        (shifting("LINEAR", LinearStepSize=size(9)), 4, "between 10% and 50%"),
        (shifting("LINEAR", LinearStepSize=size(1, "INSTANCE_COUNT")), 11, "between 10% and 50%"),
        (shifting("CANARY"), 4, "CanarySize is required"),
        (shifting("LINEAR"), 4, "LinearStepSize is required"),
        (shifting("ALL_AT_ONCE", CanarySize=size(10)), 4, "CanarySize must not be specified"),
        ({**shifting("ALL_AT_ONCE"), **rolling(1)}, 4, "Only one of BlueGreenUpdatePolicy"),
        (rolling(4, "CAPACITY_PERCENT"), 4, "between 5% and 50%"),
        (rolling(1), 1, "must have at least 2 instances"),
        (
            {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}, {"AlarmName": "a"}]}},
            4,
            "Alarm names must be unique",
        ),
    ],
)
def test_what_aws_does_not_take_is_refused_with_the_reason(
    config: Config, count: int, reason: str
) -> None:
    with pytest.raises(Fault, match=reason):
        plan(config, new=count)


@pytest.mark.parametrize(
    "config",
    [
        shifting("CANARY", CanarySize=size(10)),
        shifting("LINEAR", LinearStepSize=size(10)),
        rolling(1),
    ],
    ids=["canary", "linear", "rolling"],
)
def test_steps_need_the_variants_that_serve_now(config: Config) -> None:
    with pytest.raises(Fault, match="must have the same variant names"):
        rollout_of(config, old={"A": 2}, new={"A": 2, "B": 2})


def test_variants_come_and_go_all_at_once() -> None:
    made = rollout_of(shifting("ALL_AT_ONCE"), old={"A": 1}, new={"A": 1, "B": 1})
    assert [stage.active for stage in made.stages if isinstance(stage, Activate)] == [
        {"A": 1, "B": 1}
    ]


def test_a_rolling_update_has_one_variant() -> None:
    with pytest.raises(Fault, match="not supported for endpoints with several variants"):
        rollout_of(rolling(1), old={"A": 2, "B": 2}, new={"A": 2, "B": 2})


def test_the_waits_must_fit_into_the_longest_time() -> None:
    config = shifting("CANARY", wait=300, final=100, CanarySize=size(10))
    policy = config["BlueGreenUpdatePolicy"]
    with pytest.raises(Fault, match=r"total waiting time of the deployment \(700 seconds\)"):
        plan({"BlueGreenUpdatePolicy": {**policy, "MaximumExecutionTimeoutInSeconds": 700}})
    longer = {"BlueGreenUpdatePolicy": {**policy, "MaximumExecutionTimeoutInSeconds": 701}}
    assert plan(longer).maximum_seconds == 701


def test_stages_say_what_happens_in_the_services_words() -> None:
    made = plan(shifting("CANARY", wait=600, CanarySize=size(25)))
    said = [message(stage, "A", 0) for stage in made.stages]
    assert said[:3] == [
        ("Creating", "Launching 4 instance(s)."),
        ("ActivatingTraffic", "Activating traffic on canary capacity of 1 instance(s)."),
        (
            "Baking",
            "Baking for 600 seconds (WaitIntervalInSeconds) with traffic enabled on canary "
            "capacity of 1 instance(s).",
        ),
    ]
