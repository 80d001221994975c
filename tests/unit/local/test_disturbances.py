"""Which call answers a fault, and in which form."""

import json
from collections.abc import Callable

import pytest

from visionml.errors import InvalidInput
from visionml.local.disturbances import Disturbances
from visionml.local.fault_answers import known
from visionml.local.faults import Fault
from visionml.local.ministack import Asked


def ask(service: str, operation: str) -> Callable[[], Asked]:
    return lambda: Asked(service, operation, {})


def codes(disturbances: Disturbances, count: int, operation: str = "PutItem") -> list[str | None]:
    answers = [disturbances.answer(ask("dynamodb", operation)) for _ in range(count)]
    return [each and each[1]["x-amzn-errortype"] for each in answers]


def test_faults_of_one_operation_come_one_after_the_other() -> None:
    disturbances = Disturbances()
    disturbances.add(
        Fault(operation="dynamodb:PutItem", code="ThrottlingException", times=2, after=1)
    )
    disturbances.add(Fault(operation="dynamodb:PutItem", code="InternalServerError"))
    disturbances.add(Fault(operation="dynamodb:GetItem", code="ThrottlingException"))
    throttled = "ThrottlingException"
    assert codes(disturbances, 5) == [None, throttled, throttled, "InternalServerError", None]
    assert [each.operation for each in disturbances.pending()] == ["dynamodb:GetItem"]
    assert disturbances.clear() == 1
    assert codes(disturbances, 1, "GetItem") == [None]


def test_nothing_is_asked_about_requests_while_no_fault_is_to_come() -> None:
    def never() -> Asked:
        raise AssertionError

    assert Disturbances().answer(never) is None


@pytest.mark.parametrize(
    ("operation", "code", "status"),
    [
        ("s3:PutObject", "SlowDown", 503),
        ("s3:PostObject", "InternalError", 500),
        ("rekognition:DetectLabels", "ThrottlingException", 500),
        ("rekognition:DetectLabels", "ProvisionedThroughputExceededException", 400),
        ("dynamodb:PutItem", "InternalServerError", 500),
        ("dynamodb:PutItem", "ConditionalCheckFailedException", 400),
        ("lambda:Invoke", "TooManyRequestsException", 429),
        ("sagemaker:InvokeEndpoint", "ModelError", 424),
        ("sqs:SendMessage", "KMS.ThrottlingException", None),
    ],
)
def test_an_error_has_the_status_of_the_services_model(
    operation: str, code: str, status: int | None
) -> None:
    service, _, name = operation.partition(":")
    if status is None:
        with pytest.raises(InvalidInput):
            known(service, name, code)
    else:
        assert known(service, name, code).status == status


def test_each_protocol_has_its_form() -> None:
    _, headers, body = known("dynamodb", "PutItem", "ThrottlingException").answer()
    assert headers["Content-Type"] == "application/x-amz-json-1.0"
    assert json.loads(body)["__type"] == "ThrottlingException"
    _, headers, body = known("s3", "GetObject", "SlowDown").answer()
    assert headers["Content-Type"] == "application/xml"
    assert b"<Error><Code>SlowDown</Code><Message>Please reduce" in body
    _, _, body = known("sns", "Publish", "InternalError").answer()
    assert b"<ErrorResponse><Error><Code>InternalError</Code>" in body
    with pytest.raises(InvalidInput, match="it speaks smithy-rpc-v2-cbor"):
        known("monitoring", "PutMetricData", "InternalServiceFault")
