"""The inference adapter answers every event, with what the endpoint said or why it could not."""

import base64
import hashlib
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
from visionml.contracts.inference import INLINE_IMAGE_BYTES, InferenceEvent
from visionml.serving.publisher import Publisher

IMAGE = events.load("inference_adapter.image")
JSON = events.load("inference_adapter.json")
ANSWER = {
    "label": "0",
    "probability": 0.99,
    "probabilities": {"0": 0.99, "1": 0.01},
    "model_version": "run-20261120-101500-a1b2",
}


class Stream:
    """A Kinesis that keeps what it is sent, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.records: list[dict[str, Any]] = []

    def put_record(self, **record: Any) -> None:
        if self.failure:
            raise self.failure
        self.records.append(record)


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


def publisher(cold_start: ColdStart, stream: Stream) -> Publisher:
    """Return a publisher to that stream; handlers' modules need their environment first."""
    made: Publisher = cold_start("publishing").publisher_to(stream, "the-events")
    return made


def figures(capsys: pytest.CaptureFixture[str], name: str) -> list[Any]:
    """Return the values of a metric that was emitted since this was last asked."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    return [line[name] for line in lines if name in line]


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
        module: ModuleType = cold_start(
            "inference_adapter", runtime=endpoint, publisher=publisher(cold_start, Stream())
        )
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


def test_an_image_in_json_reaches_the_endpoint_as_bytes(ask: Ask) -> None:
    status, _, endpoint = ask(JSON, ANSWER)
    assert status == 200
    assert endpoint.asked[0]["Body"] == base64.b64decode(json.loads(JSON["body"])["image"])
    assert endpoint.asked[0]["ContentType"] == "application/x-image"


def test_an_image_whose_hash_is_stated_wrongly_is_not_looked_at(ask: Ask) -> None:
    image = base64.b64decode(IMAGE["body"])
    right, wrong = (hashlib.sha256(content).hexdigest() for content in (image, b"another"))
    headers = IMAGE["headers"]
    status, _, _ = ask({**IMAGE, "headers": {**headers, "X-Image-SHA256": right.upper()}}, ANSWER)
    told, body, endpoint = ask({**IMAGE, "headers": {**headers, "x-image-sha256": wrong}}, ANSWER)
    assert (status, told, body["error"]["code"]) == (200, 400, "hash_mismatch")
    assert right in body["error"]["message"]
    assert endpoint.asked == []


def test_an_event_of_each_answer_goes_to_the_stream(
    cold_start: ColdStart, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = Stream()
    module = cold_start(
        "inference_adapter", runtime=Endpoint(ANSWER), publisher=publisher(cold_start, stream)
    )
    answer = json.loads(module.handler(IMAGE, context)["body"])
    (record,) = stream.records
    event = InferenceEvent.model_validate_json(record["Data"])
    assert record["StreamName"] == "the-events"
    assert record["PartitionKey"] == event.prediction_id == answer["prediction_id"]
    assert event.image_sha256 == hashlib.sha256(base64.b64decode(IMAGE["body"])).hexdigest()
    assert IMAGE["body"].encode() not in record["Data"]
    assert figures(capsys, "EventsSent") == [[1.0]]


def test_a_stream_that_is_down_costs_the_event_and_not_the_answer(
    cold_start: ColdStart, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    down = Stream(refusal("ServiceUnavailable"))
    module = cold_start(
        "inference_adapter", runtime=Endpoint(ANSWER), publisher=publisher(cold_start, down)
    )
    assert module.handler(IMAGE, context)["statusCode"] == 200
    assert figures(capsys, "EventsLost") == [[1.0]]


@pytest.mark.parametrize("name", ["content-type", "CONTENT-TYPE"])
def test_the_content_type_is_found_however_it_is_written(ask: Ask, name: str) -> None:
    _, _, endpoint = ask({**IMAGE, "headers": {name: "image/webp"}}, ANSWER)
    assert endpoint.asked[0]["ContentType"] == "image/webp"


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (container(400, "unreadable"), 400, "unreadable"),
        (container(422, "type_mismatch"), 422, "type_mismatch"),
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


def test_an_endpoint_that_is_not_there_yet_is_asked_again(ask: Ask) -> None:
    absent = refusal("ValidationError", "Endpoint e of account 123456789012 not found.")
    status, _, endpoint = ask(IMAGE, absent, ANSWER)
    assert (status, len(endpoint.asked)) == (200, 2)


def test_what_there_is_none_of_is_not_in_a_body(ask: Ask) -> None:
    _, body, _ = ask(IMAGE, container(422, "type_mismatch"))
    assert set(body["error"]) == {"code", "message"}


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


@pytest.mark.parametrize(
    ("length", "status"), [(INLINE_IMAGE_BYTES, 200), (INLINE_IMAGE_BYTES + 1, 413)]
)
def test_an_image_may_have_as_many_bytes_as_fit_into_a_request(
    ask: Ask, length: int, status: int
) -> None:
    told, body, endpoint = ask({**IMAGE, "body": base64.b64encode(bytes(length)).decode()}, ANSWER)
    assert told == status
    if status == 413:
        assert body["error"]["limit"] == INLINE_IMAGE_BYTES
        assert endpoint.asked == []


def test_a_busy_answer_says_when_to_come_back(
    cold_start: ColdStart, context: LambdaContext
) -> None:
    endpoint = Endpoint(container(503, "no_model"))
    module = cold_start(
        "inference_adapter", runtime=endpoint, publisher=publisher(cold_start, Stream())
    )
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
