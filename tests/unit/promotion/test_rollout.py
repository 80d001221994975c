"""Rollout settings become what SageMaker takes, or are refused before anything is created."""

from dataclasses import replace
from typing import Any

import pytest

from visionml.aws.alarms import Alarm, WatchedMetric
from visionml.contracts.settings import RolloutSettings
from visionml.errors import Conflict
from visionml.promotion.rollout import Fleets, Rollout, planned_seconds, rollout

ERRORS = Alarm(
    "errors",
    "OK",
    metrics=(
        WatchedMetric(
            "AWS/SageMaker", "Invocations", {"EndpointName": "endpoint", "VariantName": "ModelA"}
        ),
    ),
)
PROBES = Alarm("probes", "INSUFFICIENT_DATA", metrics=(WatchedMetric("VisionML", "Own", {}),))
PAIR = Fleets(blue={"ModelA": 2}, green={"ModelA": 2})


def planned(
    *alarms: Alarm,
    settings: RolloutSettings | None = None,
    fleets: Fleets = PAIR,
    wanted: tuple[str, ...] = ("errors", "probes"),
    kind: Any = "promotion",
) -> Rollout:
    return rollout(
        settings or RolloutSettings(),
        kind=kind,
        endpoint="endpoint",
        fleets=fleets,
        wanted=wanted,
        alarms={alarm.name: alarm for alarm in alarms or (ERRORS, PROBES)},
    )


def test_a_canary_is_what_sagemaker_takes() -> None:
    assert planned().config == {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 300,
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
            },
            "TerminationWaitInSeconds": 120,
            "MaximumExecutionTimeoutInSeconds": 3600,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}, {"AlarmName": "probes"}]},
    }


def test_what_the_guardrail_checks_find_is_refused() -> None:
    unchecked = RolloutSettings.model_construct(
        **{
            **RolloutSettings().model_dump(),
            "strategy": "linear",
            "linear_share": 0.05,
            "bake_seconds": 60,
        }
    )
    with pytest.raises(Conflict, match="LinearStepSize is 5 percent"):
        planned(settings=unchecked)


@pytest.mark.parametrize(
    ("strategy", "sizes"),
    [
        ("linear", {"LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25}}),
        ("all_at_once", {}),
    ],
)
def test_each_strategy_carries_its_own_size(strategy: Any, sizes: dict[str, Any]) -> None:
    made = planned(settings=RolloutSettings(strategy=strategy))
    policy: Any = made.config["BlueGreenUpdatePolicy"]
    routing = policy["TrafficRoutingConfiguration"]
    assert made.strategy == strategy
    assert routing == {"Type": strategy.upper(), "WaitIntervalInSeconds": 300, **sizes}


@pytest.mark.parametrize("strategy", ["canary", "linear"])
def test_shifting_traffic_on_one_instance_is_refused(strategy: Any) -> None:
    single = Fleets(blue={"ModelA": 1}, green={"ModelA": 1})
    with pytest.raises(Conflict, match=r"at least two instances .* would have 1"):
        planned(settings=RolloutSettings(strategy=strategy), fleets=single)
    whole = planned(settings=RolloutSettings(strategy="all_at_once"), fleets=single)
    assert whole.armed == ("errors", "probes")


def test_the_first_model_goes_at_once_however_many_instances_wait_for_it() -> None:
    made = planned(fleets=replace(PAIR, answering=False))
    assert made.strategy == "all_at_once"
    assert made.remarks == ("All at once instead of canary: no model serves yet.",)


@pytest.mark.parametrize(
    ("blue", "because"),
    [({"ModelA": 1}, "a single instance now"), ({"ModelA": 2, "ModelB": 2}, "variants change")],
)
def test_what_cannot_be_shifted_in_steps_goes_at_once_and_says_so(
    blue: dict[str, int], because: str
) -> None:
    made = planned(fleets=replace(PAIR, blue=blue))
    assert made.strategy == "all_at_once"
    assert because in made.remarks[0]
    assert made.armed == ("errors", "probes")


def test_a_rollback_goes_at_once_even_on_one_instance() -> None:
    single = Fleets(blue={"ModelA": 1}, green={"ModelA": 1})
    assert planned(fleets=single, kind="rollback").strategy == "all_at_once"


def test_an_alarm_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Conflict, match="There is no alarm probes"):
        planned(ERRORS)


def test_no_alarm_at_all_is_refused() -> None:
    with pytest.raises(Conflict, match="No alarm would take this rollout back"):
        planned(wanted=())


def test_an_alarm_that_rings_already_is_refused() -> None:
    with pytest.raises(Conflict, match=r"errors is in ALARM already.*: too many"):
        planned(replace(ERRORS, state="ALARM", reason="too many"), PROBES)


def test_before_the_first_promotion_alarms_may_ring() -> None:
    seed = replace(PAIR, answering=False)
    made = planned(replace(ERRORS, state="ALARM"), PROBES, fleets=seed)
    assert (made.armed, made.unarmed) == (("probes",), ("errors",))
    with pytest.raises(Conflict, match="There is no alarm probes"):
        planned(replace(ERRORS, state="ALARM"), fleets=seed)


def test_more_alarms_than_sagemaker_takes_are_refused() -> None:
    with pytest.raises(Conflict, match="at most 10 rollback alarms, not 11"):
        planned(wanted=tuple(map(str, range(11))))


@pytest.mark.parametrize(
    ("metric", "because"),
    [
        ({"name": "Errors"}, "publishes no metric Errors"),
        ({"dimensions": {"EndpointName": "other", "VariantName": "ModelA"}}, "endpoint other, not"),
        ({"dimensions": {"EndpointName": "endpoint"}}, "by EndpointName and VariantName"),
    ],
)
def test_an_alarm_that_could_never_go_off_is_refused(metric: dict[str, Any], because: str) -> None:
    deaf = replace(ERRORS, metrics=(replace(ERRORS.metrics[0], **metric),))
    with pytest.raises(Conflict, match=f"errors would never go off: .*{because}"):
        planned(deaf, PROBES)


def test_a_rollback_arms_the_alarms_that_are_quiet() -> None:
    made = planned(replace(ERRORS, state="ALARM"), PROBES, kind="rollback")
    assert (made.armed, made.unarmed) == (("probes",), ("errors",))
    made = planned(PROBES, kind="rollback", wanted=("errors",))
    assert (made.armed, made.unarmed) == ((), ("errors",))
    assert "AutoRollbackConfiguration" not in made.config


@pytest.mark.parametrize(
    ("strategy", "seconds"), [("all_at_once", 420), ("canary", 720), ("linear", 1320)]
)
def test_a_rollout_bakes_after_each_shift(strategy: Any, seconds: int) -> None:
    assert planned_seconds(RolloutSettings(), strategy) == seconds


def test_a_rollout_that_sagemaker_would_cut_short_is_refused() -> None:
    slow = RolloutSettings(bake_seconds=600, termination_wait_seconds=0, maximum_seconds=1200)
    with pytest.raises(Conflict, match=r"canary rollout takes 1200 seconds .* after 1200"):
        planned(settings=slow)
    assert planned(settings=slow.model_copy(update={"maximum_seconds": 1201})).strategy == "canary"
