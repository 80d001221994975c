"""Requests are checked against botocore's model, with AWS's codes and sentences."""

import contextlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionml.local.sagemaker import wire
from visionml.local.sagemaker.faults import Fault


def refused(operation: str, document: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        wire.parse(operation, json.dumps(document).encode())
    return caught.value


@pytest.mark.parametrize(
    ("operation", "document", "problem"),
    [
        (
            "DescribeTrainingJob",
            {},
            "Value null at 'trainingJobName' failed to satisfy constraint: Member must not be null",
        ),
        (
            "DescribeTrainingJob",
            {"TrainingJobName": "foo_bar"},
            "Value 'foo_bar' at 'trainingJobName' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        (
            "ListTrainingJobs",
            {"MaxResults": 101},
            "Value '101' at 'maxResults' failed to satisfy constraint: Member must have value "
            "less than or equal to 100",
        ),
        (
            "ListTrainingJobs",
            {"MaxResults": 0},
            "Value '0' at 'maxResults' failed to satisfy constraint: Member must have value "
            "greater than or equal to 1",
        ),
        (
            "ListTrainingJobs",
            {"StatusEquals": "Done"},
            "Value 'Done' at 'statusEquals' failed to satisfy constraint: Member must satisfy "
            "enum value set: [InProgress, Completed, Failed, Stopping, Stopped, Deleting]",
        ),
        (
            "AddTags",
            {"ResourceArn": "arn:aws:sagemaker:us-east-1:000000000000:model/x",
             "Tags": [{"Key": "", "Value": ""}]},
            "Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have "
            "length greater than or equal to 1",
        ),
        (
            "CreateModel",
            {"ModelName": "m", "PrimaryContainer": {"Environment": {"1": "x"}}},
            "Value '{'1': 'x'}' at 'primaryContainer.environment' failed to satisfy constraint: "
            "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: "
            "[a-zA-Z_][a-zA-Z0-9_]*]",
        ),
    ],
)  # fmt: skip
def test_a_broken_constraint_is_told_as_aws_tells_it(
    operation: str, document: Any, problem: str
) -> None:
    fault = refused(operation, document)
    assert fault.code == "ValidationException"
    assert fault.message == f"1 validation error detected: {problem}"


def test_all_broken_constraints_are_told_together() -> None:
    fault = refused("DescribeEndpoint", {"EndpointName": "-" * 64})
    assert fault.message.startswith("2 validation errors detected: Value '---")
    assert "; Value '---" in fault.message


def test_an_unknown_operation_is_unknown() -> None:
    assert refused("TrainMe", {}).code == "UnknownOperationException"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"MaxResults": "ten"}, "STRING_VALUE can not be converted to Integer"),
        ({"NameContains": 3}, "NUMBER_VALUE can not be converted to String"),
        ({"MaxResults": True}, "TRUE_VALUE can not be converted to Integer"),
        ({"CreationTimeAfter": []}, "START_ARRAY can not be converted to Timestamp"),
        ([], "START_ARRAY can not be converted to structure"),
    ],
)
def test_a_wrong_type_cannot_be_converted(document: Any, message: str) -> None:
    fault = refused("ListTrainingJobs", document)
    assert (fault.code, fault.message) == ("SerializationException", message)


def test_a_body_that_is_not_json_is_told_so() -> None:
    with pytest.raises(Fault, match="SerializationException: The request body is not valid JSON"):
        wire.parse("ListModels", b"{")


def test_times_come_as_datetimes_and_unknown_members_are_left_out() -> None:
    request = wire.parse("ListTrainingJobs", b'{"CreationTimeAfter": 1.5, "Unknown": 1}')
    assert request == {"CreationTimeAfter": datetime.fromtimestamp(1.5, UTC)}


def test_an_answer_has_the_members_of_its_shape_and_times_in_seconds() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    body = wire.answer(
        "DescribeModel",
        {"ModelName": "m", "CreationTime": moment, "Tags": [], "VpcConfig": None},
    )
    assert json.loads(body) == {"ModelName": "m", "CreationTime": moment.timestamp()}


def test_every_pattern_of_the_model_can_be_checked() -> None:
    model = wire.service_model()
    patterns = [model.shape_for(name).metadata.get("pattern") for name in model.shape_names]
    for pattern in filter(None, patterns):
        re.compile(wire.python_pattern(pattern))


@pytest.mark.parametrize("value", ["vision team", "größe/2", "a_b:c=d+e-f@g.h"])
def test_tags_may_hold_letters_of_any_alphabet(value: str) -> None:
    arn = "arn:aws:sagemaker:us-east-1:000000000000:model/x"
    request = {"ResourceArn": arn, "Tags": [{"Key": value, "Value": value}]}
    assert wire.parse("AddTags", json.dumps(request).encode()) == request


@settings(max_examples=50, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_whatever_comes_is_taken_or_refused(document: Any) -> None:
    body = json.dumps({"EndpointConfigName": "c", "ProductionVariants": document}).encode()
    with contextlib.suppress(Fault):
        assert wire.parse("CreateEndpointConfig", body)["EndpointConfigName"] == "c"
