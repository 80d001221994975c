"""How an update goes on, and back: with paper fleets and a clock that is turned by hand."""

from typing import Any

import pytest

from tests.fakes.fleets import HandClock, PaperVariant, Surroundings, paper_fleet, serving
from visionml.local.sagemaker.core import Store
from visionml.local.sagemaker.deployment import POLL_SECONDS, Deployment
from visionml.local.sagemaker.fleet import Fleet
from visionml.local.sagemaker.hosting import Endpoint, delete
from visionml.local.sagemaker.rollout import rollout_of


def canary(*alarms: str, wait: int = 60, final: int = 30, **policy: Any) -> dict[str, Any]:
    routing = {
        "Type": "CANARY",
        "WaitIntervalInSeconds": wait,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 25},
    }
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": final,
            **policy,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm} for alarm in alarms]},
    }


def rolling(*alarms: str, **policy: Any) -> dict[str, Any]:
    size = {"Type": "INSTANCE_COUNT", "Value": 1}
    return {
        "RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 10, **policy},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm} for alarm in alarms]},
    }


class Try:
    """One update of an endpoint with four instances."""

    def __init__(self, config: dict[str, Any], *, count: int = 4, **surroundings: Any) -> None:
        self.blue, self.green = paper_fleet("old", count), paper_fleet("new", count)
        self.endpoint: Endpoint = serving(self.blue)
        self.clock = HandClock(self.endpoint)
        self.cloud = Surroundings(self.clock, **surroundings)
        rollout = rollout_of(config, old=self.blue.desired, new=self.green.desired)
        self.deployment = Deployment(
            self.endpoint,
            self.green,
            rollout,
            self.cloud,
            self.clock,
        )

    def run(self) -> "Try":
        self.deployment.run()
        return self

    @property
    def statuses(self) -> list[str]:
        """The statuses that were announced, in order."""
        kind = "SageMaker Endpoint State Change"
        return [detail["EndpointStatus"] for type_, detail in self.cloud.events if type_ == kind]

    @property
    def said(self) -> list[str]:
        """What was said of the new fleet's variant while it was pending, in order."""
        kind = "SageMaker Endpoint Deployment State Change"
        pending = [d["PendingDeploymentSummary"] for type_, d in self.cloud.events if type_ == kind]
        each = [summary["ProductionVariants"][0].get("VariantStatus") for summary in pending]
        return [status[0]["Status"] for status in each if status]

    def instances(self, fleet: Fleet) -> int:
        return len(fleet.instances)


def test_a_canary_bakes_on_its_share_then_on_all_then_waits() -> None:
    tried = Try(canary("errors")).run()
    spans = {
        round(share.get("new", 0), 2): sum(1 for _, other in tried.clock.seen if other == share)
        for _, share in tried.clock.seen
    }
    assert spans == {0.25: 60 / POLL_SECONDS, 1.0: (60 + 30) / POLL_SECONDS}
    assert tried.clock.now() == 150
    assert tried.statuses == ["UPDATING", "IN_SERVICE"]
    assert tried.endpoint.config_name == "new"
    assert tried.endpoint.fleet is tried.green
    assert tried.endpoint.pending is None
    assert (
        "FailureReason" not in tried.endpoint.described()
        or not tried.endpoint.facts["FailureReason"]
    )


def test_the_stages_are_described_and_announced() -> None:
    tried = Try(canary()).run()
    assert tried.said == [
        "Creating",
        "ActivatingTraffic",
        "Baking",
        "ActivatingTraffic",
        "Baking",
        "Baking",
    ]
    last = tried.cloud.events[-2][1]
    assert last["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Deleting"
    assert last["PendingDeploymentSummary"]["EndpointConfigName"] == "new"
    (ended,) = tried.endpoint.described()["ProductionVariants"]
    assert ended["VariantStatus"] is None


@pytest.mark.parametrize("at", [10.0, 70.0, 130.0], ids=["canary", "full", "termination"])
def test_an_alarm_returns_all_traffic_at_the_next_look(at: float) -> None:
    tried = Try(canary("quiet", "errors"), rings={"errors": at}).run()
    assert at <= tried.clock.now() <= at + POLL_SECONDS
    assert tried.clock.shares() == {"old": 1.0}
    assert tried.statuses == ["UPDATING", "ROLLING_BACK", "IN_SERVICE"]
    assert tried.endpoint.config_name == "old"
    assert tried.endpoint.fleet is tried.blue
    reason = tried.endpoint.facts["FailureReason"]
    assert "[errors]" in reason
    assert "quiet" not in reason
    assert all(instance.ready for instance in tried.blue.instances)
    assert not any(instance.ready for instance in tried.green.instances)


def test_a_guard_that_is_taken_away_ends_the_deployment() -> None:
    tried = Try(canary("errors"), gone={"errors": 20.0}).run()
    assert tried.endpoint.config_name == "old"
    assert (
        "[errors] of AutoRollbackConfiguration do not exist"
        in tried.endpoint.facts["FailureReason"]
    )


def test_a_fleet_that_does_not_come_gets_no_traffic() -> None:
    tried = Try(canary())
    variant = tried.green.variants[0]
    assert isinstance(variant, PaperVariant)
    variant.fails_after = 3
    tried.run()
    assert tried.clock.seen == []
    assert tried.statuses == ["UPDATING", "ROLLING_BACK", "IN_SERVICE"]
    assert tried.endpoint.facts["FailureReason"] == "No more paper."


def test_a_container_that_ends_while_it_bakes_ends_the_deployment() -> None:
    tried = Try(canary("errors"))
    wait = tried.clock.wait

    def dying(seconds: float) -> None:
        wait(seconds)
        if tried.clock.now() >= 5:
            tried.green.instances[0].deaths = 1

    tried.clock.wait = dying  # type: ignore[method-assign]
    tried.run()
    assert tried.clock.now() == 5
    assert tried.endpoint.config_name == "old"
    assert "a container of production variant A ended" in tried.endpoint.facts["FailureReason"]


def test_a_deployment_that_takes_too_long_goes_back() -> None:
    tried = Try(canary("errors", wait=200, final=100, MaximumExecutionTimeoutInSeconds=600))
    variant = tried.green.variants[0]
    launch = variant.launch

    def slow(count: int | None = None) -> None:
        tried.clock.seconds += 300
        launch(count)

    variant.launch = slow  # type: ignore[method-assign]
    tried.run()
    assert 600 < tried.clock.now() <= 600 + POLL_SECONDS
    assert tried.endpoint.config_name == "old"
    assert "MaximumExecutionTimeoutInSeconds (600)" in tried.endpoint.facts["FailureReason"]


def test_a_rolling_update_exchanges_instances() -> None:
    tried = Try(rolling(), count=3)
    counts: list[tuple[int, int]] = []
    wait = tried.clock.wait

    def counting(seconds: float) -> None:
        counts.append((tried.instances(tried.blue), tried.instances(tried.green)))
        wait(seconds)

    tried.clock.wait = counting  # type: ignore[method-assign]
    tried.run()
    assert list(dict.fromkeys(counts)) == [(3, 1), (2, 2), (1, 3)]
    assert tried.endpoint.config_name == "new"
    assert tried.clock.shares() == {"new": 1.0}


def test_a_rolling_update_brings_the_old_instances_back() -> None:
    tried = Try(rolling("errors"), count=3, rings={"errors": 25.0}).run()
    assert tried.endpoint.config_name == "old"
    assert tried.instances(tried.blue) == 3
    assert tried.clock.shares() == {"old": 1.0}
    assert tried.statuses == ["UPDATING", "ROLLING_BACK", "IN_SERVICE"]


def test_a_rolling_update_that_cannot_go_back_says_so() -> None:
    tried = Try(rolling("errors"), count=3, rings={"errors": 25.0})
    variant = tried.blue.variants[0]
    assert isinstance(variant, PaperVariant)
    variant.fails_after = 1
    tried.run()
    assert tried.statuses[-1] == "UPDATE_ROLLBACK_FAILED"
    assert set(tried.clock.shares()) == {"old", "new"}
    assert "The rollback failed, too: No more paper." in tried.endpoint.facts["FailureReason"]


def test_a_deployment_ends_quietly_when_everything_is_forgotten() -> None:
    tried = Try(canary())
    tried.clock.ends = 10.0
    tried.run()
    assert tried.statuses == ["UPDATING"]


def test_deleting_after_a_failed_rollback_ends_both_fleets() -> None:
    tried = Try(rolling("errors"), count=3, rings={"errors": 25.0})
    variant = tried.blue.variants[0]
    assert isinstance(variant, PaperVariant)
    variant.fails_after = 1
    tried.run()
    store: Store[Endpoint] = Store()
    store.add(tried.endpoint)
    delete(tried.endpoint, tried.cloud, store)
    assert not any(each.ready for each in (*tried.blue.instances, *tried.green.instances))
    assert store.everywhere() == []
