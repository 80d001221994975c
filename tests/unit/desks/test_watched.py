"""A deployment as it was seen from outside, and what its figures say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from visionml.aws.alarm_history import Ringing
from visionml.aws.executions import Visit
from visionml.aws.mailbox import Message
from visionml.contracts.deployment import DeploymentOutcome
from visionml.desks.traffic import Request
from visionml.desks.watched import Watched, outcomes

ZERO = datetime(2026, 1, 1, tzinfo=UTC)
OUTCOME = DeploymentOutcome.model_construct(
    outcome="rolled_back", deployment_id="dep-1", model_version="new", active_version="old"
)


def at(second: float) -> datetime:
    return ZERO + timedelta(seconds=second)


def request(second: float, version: str) -> Request:
    error = "" if version else "No answer."
    return Request(at(second), version, "ModelA", version == "old", 10.0 + second, error)


def watched(requests: list[Request], *, alarm: bool = True, **changed: Any) -> Watched:
    rung = [Ringing("ml-probes-local", at(5), at(8), "It rang.")] if alarm else []
    return Watched(
        OUTCOME,
        before="old",
        asked=at(1),
        requests=pd.DataFrame(requests, columns=pd.Index(Request._fields)),
        ringing={"rollback-errors-a": [], "rollback-errors-b": [], "rollback-probes": rung},
        messages=[Message("event", at(9), "Deployment Ended", {})],
        **{
            "steps": [
                Visit("Plan", at(1), at(2)),
                Visit("Wait", at(2), at(3)),
                Visit("Look", at(3), at(4)),
                Visit("Wait", at(4), at(7)),
            ],
            **changed,
        },
    )


VERSIONS = ["old", "old", "old", "new", "old", "new", "", "old", "old", "old", "old"]
SEEN = watched([request(second, version) for second, version in enumerate(VERSIONS)])


def test_the_moments_are_those_of_the_traffic_the_alarms_and_the_event() -> None:
    assert SEEN.moments == (at(1), at(3), at(5), at(7), at(9))
    assert SEEN.seconds_to_settle() == 2
    assert SEEN.exposed_seconds() == 4
    assert SEEN.rang == ["rollback-probes"]
    assert SEEN.failed == 1
    assert SEEN.since_the_end()["version"].tolist() == ["old"]


def test_what_was_sent_within_the_events_second_may_have_been_sent_before_the_end() -> None:
    found = watched([request(8, "old"), request(9.5, "new"), request(10, "old")])
    assert found.since_the_end()["version"].tolist() == ["old"]


def test_traffic_that_never_moved_has_nothing_to_settle() -> None:
    calm = watched([request(second, "old") for second in range(4)], alarm=False)
    assert calm.moments[1:4] == (None, None, None)
    assert calm.seconds_to_settle() == calm.exposed_seconds() == 0


def test_traffic_that_ends_with_a_failure_has_not_settled() -> None:
    assert watched([request(0, "old"), request(1, "")]).moments.settled is None


def test_each_version_has_its_answers_and_latencies() -> None:
    found = SEEN.answers().to_dict("index")
    assert found["old"].items() >= {"answers": 8, "right": 1}.items()
    assert found["new"].items() >= {"answers": 2, "right": 0, "median ms": 14}.items()


def test_steps_that_the_machine_repeats_while_it_waits_are_put_together() -> None:
    assert SEEN.times().to_dict("index") == {
        "Plan": {"after": 0, "took": 1},
        "Wait": {"after": 1, "took": 4},
        "Look": {"after": 2, "took": 1},
    }


def test_steps_that_took_no_time_or_have_not_ended_are_left_out() -> None:
    steps = [Visit("Judge", at(1), at(1)), Visit("Plan", at(1), None)]
    assert watched([request(0, "old")], steps=steps).times().empty


def test_it_is_drawn_with_quiet_alarms_too() -> None:
    picture = SEEN.timeline({"old": "good", "new": "bad"})
    marks = [text.get_text() for text in picture.figure.axes[0].texts]
    assert marks == ["asked for", "first answer", "alarm", "settled", "rolled back"]
    assert picture.description == (
        "11 requests in 10 s, answered: 8 by good, 2 by bad; 1 failed. In alarm: rollback-probes."
    )
    assert SEEN.alarms()["alarm"].tolist() == ["rollback-errors-a", "rollback-probes"]


def test_deployments_are_compared_in_a_table() -> None:
    calm = watched([request(second, "old") for second in range(4)], alarm=False)
    first, second = outcomes([SEEN, calm], {"new": "bad"}).reset_index().to_dict("records")
    assert first == {
        "version": "bad",
        "outcome": "rolled_back",
        "alarm": "rollback-probes",
        "alarm after s": 4,
        "exposed s": 4,
        "whole s": 8,
        "requests": 11,
        "failed": 1,
        "wrong labels": 2,
    }
    assert (second["alarm"], second["failed"], pd.isna(second["alarm after s"])) == (
        "none",
        0,
        True,
    )
