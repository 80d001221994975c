"""What Batch decides without running anything."""

from typing import Any

import pytest

from visionml.local.batch import retries, wire
from visionml.local.batch.dependencies import Verdict, needed, verdict
from visionml.local.batch.instances import sizes
from visionml.local.batch.parameters import substituted
from visionml.local.batch.placement import Ask
from visionml.local.batch.retries import Ending
from visionml.local.batch.specifications import container_of, resolve
from visionml.local.sagemaker.faults import Fault

IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/x:1"


@pytest.mark.parametrize(
    ("word", "result"),
    [
        ("Ref::a", "1"),
        ("--in=Ref::a/Ref::b-c", "--in=1/2"),
        ("Ref::unknown", "Ref::unknown"),
        ("Reference", "Reference"),
    ],
)
def test_references_are_replaced_by_parameters(word: str, result: str) -> None:
    assert substituted([word], {"a": "1", "b-c": "2"}) == [result]


HOST = Ending(status_reason="Host EC2 (instance i-1) terminated.")
PULL = Ending(reason="CannotPullContainerError: no", status_reason="Task failed to start")


@pytest.mark.parametrize(
    ("rules", "ending", "tried_again"),
    [
        ([], Ending(1), True),
        ([], Ending(0), False),
        ([], Ending(1, final=True), False),
        ([{"onStatusReason": "Host EC2*", "action": "RETRY"}], HOST, True),
        ([{"onStatusReason": "Host EC2", "action": "EXIT"}], HOST, True),
        ([{"onStatusReason": "Host EC2*", "action": "EXIT"}], HOST, False),
        ([{"onReason": "CannotPull*", "action": "EXIT"}], PULL, False),
        ([{"onExitCode": "1", "action": "EXIT"}], Ending(1), False),
        ([{"onExitCode": "1", "action": "EXIT"}], Ending(13), True),
        ([{"onExitCode": "1*", "action": "EXIT"}], Ending(13), False),
        ([{"onExitCode": "1", "onReason": "x", "action": "EXIT"}], Ending(1), True),
        (
            [
                {"onStatusReason": "Host*", "action": "RETRY"},
                {"onReason": "*", "action": "EXIT"},
            ],
            HOST,
            True,
        ),
    ],
)
def test_the_first_rule_that_matches_decides(
    rules: list[dict[str, Any]], ending: Ending, tried_again: bool
) -> None:
    strategy = {"attempts": 3, "evaluateOnExit": rules}
    assert retries.again(ending, strategy, attempts=1) is tried_again
    assert not retries.again(ending, strategy, attempts=3)


@pytest.mark.parametrize(
    "strategy",
    [
        {"attempts": 0},
        {"evaluateOnExit": [{"onReason": "*", "action": "EXIT"}]},
        {"attempts": 2, "evaluateOnExit": [{"action": "EXIT"}]},
        {"attempts": 2, "evaluateOnExit": [{"onExitCode": "x", "action": "EXIT"}]},
        {"attempts": 2, "evaluateOnExit": [{"onReason": "*", "action": "EXIT"}] * 6},
    ],
)
def test_strategies_that_batch_does_not_take(strategy: dict[str, Any]) -> None:
    with pytest.raises(Fault, match="ClientException"):
        retries.checked(strategy)


def test_dependencies_name_the_jobs_that_are_needed() -> None:
    depends = [{"jobId": "a"}, {"jobId": "b", "type": "N_TO_N"}, {"type": "SEQUENTIAL"}]
    assert needed("me:2", depends) == ["a", "b:2", "me:1"]
    assert needed("me:0", depends) == ["a", "b:0"]


@pytest.mark.parametrize(
    ("statuses", "found"),
    [
        ([], Verdict.GO),
        (["SUCCEEDED", "SUCCEEDED"], Verdict.GO),
        (["SUCCEEDED", "RUNNING"], Verdict.WAIT),
        (["RUNNING", "FAILED"], Verdict.FAIL),
    ],
)
def test_a_job_goes_when_all_have_succeeded(statuses: list[str], found: Verdict) -> None:
    assert verdict(statuses) is found


def test_instance_types_have_sizes() -> None:
    assert sizes(["c5.xlarge", "m6i.2xlarge"]) == [Ask(4, 8192), Ask(8, 32768)]
    assert sizes(["m5.large"]) == [Ask(2, 8192)]
    assert sizes(["optimal"]) is None
    assert sizes(["m5.large", "c5"]) is None


def test_overrides_replace_what_they_name() -> None:
    container = container_of(
        {
            "image": IMAGE,
            "vcpus": 2,
            "memory": 100,
            "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        },
        "EC2",
    )
    definition = {
        "containerProperties": container,
        "platformCapabilities": ["EC2"],
        "parameters": {"x": "1", "y": "1"},
        "timeout": {"attemptDurationSeconds": 60},
    }
    overrides = {
        "vcpus": 4,
        "environment": [{"name": "B", "value": "3"}],
        "resourceRequirements": [{"type": "MEMORY", "value": "200"}],
    }
    made = resolve(definition, {"containerOverrides": overrides, "parameters": {"y": "2"}})
    assert made.ask == Ask(4, 200)
    assert made.container["environment"] == [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "3"},
    ]
    assert made.parameters == {"x": "1", "y": "2"}
    assert made.timeout_seconds == 60
    assert made.retry == {"attempts": 1, "evaluateOnExit": []}
    assert "vcpus" not in made.container


def test_requests_are_found_by_their_paths() -> None:
    assert wire.parse("POST", "/v1/describejobs", {}, b'{"jobs": ["a"]}') == (
        "DescribeJobs",
        {"jobs": ["a"]},
    )
    arn = "arn:aws:batch:us-east-1:000000000000:job-queue/q"
    path = f"/v1/tags/{arn.replace(':', '%3A').replace('/', '%2F')}"
    assert wire.parse("DELETE", path, {"tagKeys": ["a", "b"]}, b"") == (
        "UntagResource",
        {"resourceArn": arn, "tagKeys": ["a", "b"]},
    )
    with pytest.raises(Fault, match="UnknownOperationException"):
        wire.parse("GET", "/v1/describejobs", {}, b"")


def test_names_change_case_and_map_keys_do_not() -> None:
    lowered = wire.lowered(
        "SubmitJob",
        {
            "JobName": "x",
            "Parameters": {"Word": "W"},
            "ContainerOverrides": {"Environment": [{"Name": "A", "Value": "B"}]},
        },
    )
    assert lowered == {
        "jobName": "x",
        "parameters": {"Word": "W"},
        "containerOverrides": {"environment": [{"name": "A", "value": "B"}]},
    }
    assert wire.raised("DescribeJobs", {"jobs": [{"jobId": "1", "tags": {"a": "b"}}]}) == {
        "Jobs": [{"JobId": "1", "Tags": {"a": "b"}}]
    }
