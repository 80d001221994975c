"""The inference adapter answers every event, with what the endpoint said or why it could not."""

import base64
import io
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from tests.fakes import events
from tests.unit.handlers.conftest import ColdStart

IMAGE = events.load("inference_adapter.image")
JSON = events.load("inference_adapter.json")
ANSWER = {
    "label": "0",
    "probability": 0.99,
    "probabilities": {"0": 0.99, "1": 0.01},
    "model_version": "run-20261120-101500-a1b2",
}


class Endpoint:
    """A SageMaker runtime that answers what it is told to, and remembers what it was asked."""

    def __init__(self, *answers: Exception | dict[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {
            "Body": io.BytesIO(json.dumps(answer).encode()),
            "InvokedProductionVariant": "ModelA",
        }


def refusal(code: str, message: str = "", status: int | None = None) -> ClientError:
    response: dict[str, Any] = {"Error": {"Code": code, "Message": message}}
    if status:
        response |= {"OriginalStatusCode": status, "OriginalMessage": message}
    return ClientError(response, "InvokeEndpoint")  # type: ignore[arg-type]


def container(status: int, code: str) -> ClientError:
    body = json.dumps({"error": {"code": code, "message": "No.", "limit": None}})
    return refusal("ModelError", body, status)


@pytest.fixture
def ask(cold_start: ColdStart, context: LambdaContext) -> Callable[..., tuple[int, Any, Endpoint]]:
    """Call the handler with an event and an endpoint's answers."""

    def call(
        event: dict[str, Any], *answers: Exception | dict[str, Any]
    ) -> tuple[int, Any, Endpoint]:
        endpoint = Endpoint(*answers)
        module: ModuleType = cold_start("inference_adapter", runtime=endpoint)
        answer = module.handler(event, context)
        assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
        return answer["statusCode"], json.loads(answer["body"]), endpoint

    return call


Ask = Callable[..., tuple[int, Any, Endpoint]]


def test_an_image_reaches_the_endpoint_byte_by_byte(ask: Ask) -> None:
    status, body, endpoint = ask(IMAGE, ANSWER)
    (request,) = endpoint.asked
    assert status == 200
    assert body.items() >= ANSWER.items()
    assert (body["variant"], len(body["prediction_id"])) == ("ModelA", 32)
    assert request["Body"] == base64.b64decode(IMAGE["body"])
    assert request["ContentType"] == "image/png"
    assert request["EndpointName"] == "ml-pipeline-endpoint-local-us-east-1"


def test_json_reaches_the_endpoint_as_it_came(ask: Ask) -> None:
    status, _, endpoint = ask(JSON, ANSWER)
    assert status == 200
    assert endpoint.asked[0]["Body"].decode() == JSON["body"]
    assert endpoint.asked[0]["ContentType"] == "application/json"


@pytest.mark.parametrize("name", ["content-type", "CONTENT-TYPE"])
def test_the_content_type_is_found_however_it_is_written(ask: Ask, name: str) -> None:
    _, _, endpoint = ask({**IMAGE, "headers": {name: "image/webp"}}, ANSWER)
    assert endpoint.asked[0]["ContentType"] == "image/webp"


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (container(400, "unreadable"), 400, "unreadable"),
        (container(415, "unsupported_media_type"), 415, "unsupported_media_type"),
        (container(503, "no_model"), 503, "no_model"),
        (refusal("AccessDeniedException"), 500, "internal"),
        (ZeroDivisionError(), 500, "internal"),
    ],
)
def test_a_refusal_is_passed_on_and_nothing_inside_is_told(
    ask: Ask, answer: Exception, status: int, code: str
) -> None:
    told, body, endpoint = ask(IMAGE, answer)
    assert (told, body["error"]["code"]) == (status, code)
    assert len(endpoint.asked) == 1


def test_a_throttled_endpoint_is_asked_again(ask: Ask) -> None:
    throttled = refusal("ThrottlingException", "Rate exceeded")
    status, _, endpoint = ask(IMAGE, throttled, container(429, "busy"), ANSWER)
    assert status == 200
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize("body", ["", None])
def test_a_request_without_a_body_never_reaches_the_endpoint(ask: Ask, body: str | None) -> None:
    status, answer, endpoint = ask({**IMAGE, "body": body, "isBase64Encoded": False}, ANSWER)
    assert (status, answer["error"]["code"]) == (400, "empty")
    assert endpoint.asked == []


@pytest.mark.parametrize(("length", "status"), [(10_485_760, 200), (10_485_761, 413)])
def test_an_image_may_have_as_many_bytes_as_the_limit(ask: Ask, length: int, status: int) -> None:
    told, body, endpoint = ask({**IMAGE, "body": base64.b64encode(bytes(length)).decode()}, ANSWER)
    assert told == status
    if status == 413:
        assert body["error"]["limit"] == 10_485_760
        assert endpoint.asked == []


def test_a_busy_answer_says_when_to_come_back(
    cold_start: ColdStart, context: LambdaContext
) -> None:
    module = cold_start("inference_adapter", runtime=Endpoint(container(503, "no_model")))
    assert module.handler(IMAGE, context)["headers"]["Retry-After"] == "1"


def test_figures_are_emitted_and_payloads_are_not(
    ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(IMAGE, ANSWER)
    ask(IMAGE, container(415, "unsupported_media_type"))
    printed = capsys.readouterr().out
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith('{"_aws"')]
    assert [line["Invocations"] for line in lines if "Invocations" in line] == [[1.0], [1.0]]
    assert [line["code"] for line in lines if "Errors" in line] == ["unsupported_media_type"]
    assert all(line["LatencyMs"][0] > 0 for line in lines if "LatencyMs" in line)
    assert IMAGE["body"] not in printed
    assert '"probability' not in printed
