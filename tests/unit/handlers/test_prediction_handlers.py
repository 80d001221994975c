"""The handlers of predictions that are collected later, and of health."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.fakes import events
from tests.fakes.parameters import MemoryParameters
from tests.fakes.table import MemoryTable
from tests.unit.handlers.conftest import ColdStart
from visionml.contracts.inference import InferenceEvent, InferenceRequest
from visionml.contracts.names import active_version_parameter
from visionml.errors import Unavailable
from visionml.serving.consuming import Batch, Outcome
from visionml.serving.failures import Received
from visionml.serving.pace import Pace
from visionml.serving.predictions import Predictions

IMAGE = events.load("inference_adapter.image")
ACTIVE = {active_version_parameter("ml-pipeline"): "run-1"}


class Bucket:
    def write(self, address: str, content: bytes, *, content_type: str) -> None:
        self.written = (address, content, content_type)


class Stream:
    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def put_record(self, **record: Any) -> None:
        self.records.append(record)


class Sagemaker:
    def __init__(self, status: str) -> None:
        self.status = status

    def describe_endpoint(self, **_: str) -> dict[str, Any]:
        return {
            "EndpointName": "endpoint",
            "EndpointStatus": self.status,
            "EndpointConfigName": "config",
            "ProductionVariants": [],
        }


@pytest.fixture
def predictions() -> Predictions:
    return Predictions(MemoryTable(), days=30)  # type: ignore[arg-type]


def record(number: int, content: bytes) -> dict[str, Any]:
    return {
        "eventID": f"shard:{number}",
        "eventSource": "aws:kinesis",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/requests",
        "kinesis": {
            "sequenceNumber": str(number),
            "partitionKey": "p",
            "approximateArrivalTimestamp": 1795168800.0,
            "data": base64.b64encode(content).decode(),
        },
    }


def test_an_image_is_accepted_and_its_place_told(
    cold_start: ColdStart, context: LambdaContext, predictions: Predictions
) -> None:
    module = cold_start(
        "prediction_acceptor", predictions=predictions, kinesis=(stream := Stream())
    )
    module.uploaded._objects = Bucket()
    answer = module.handler(IMAGE, context)
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["status"]) == (202, "pending")
    assert answer["headers"]["Location"] == f"/predictions/{body['prediction_id']}"
    (sent,) = stream.records
    request = InferenceRequest.model_validate_json(sent["Data"])
    assert sent["StreamName"] == "ml-pipeline-requests-local-us-east-1"
    assert request.prediction_id == body["prediction_id"]
    assert len(sent["Data"]) < 1000


def test_a_prediction_is_collected(
    cold_start: ColdStart, context: LambdaContext, predictions: Predictions
) -> None:
    module = cold_start("prediction_reader", predictions=predictions)
    predictions.accept("p1")
    known = module.handler({**IMAGE, "pathParameters": {"id": "p1"}}, context)
    unknown = module.handler({**IMAGE, "pathParameters": {"id": "p2"}}, context)
    assert (known["statusCode"], known["headers"]["Retry-After"]) == (202, "1")
    assert unknown["statusCode"] == 404


EVENT = InferenceEvent(
    label="7",
    probability=0.9,
    probabilities={"7": 0.9},
    model_version="run-1",
    prediction_id="p1",
    time=datetime(2026, 11, 20, tzinfo=UTC),
    image_sha256="ab",
    variant="ModelA",
    latency_ms=3.5,
)


class Consuming:
    """Stands for the consumer; what is named for an error ends with it."""

    def __init__(self) -> None:
        self.records: list[Received] = []

    def begin(self, records: Sequence[Received]) -> Batch:
        return Batch()

    def consume_together(
        self, records: Sequence[Received], pace: Pace, batch: Batch
    ) -> dict[str, Outcome]:
        known = [each for each in records if each.data.startswith(b"together")]
        for each in known:
            if each.data == b"together, untold":
                batch.records[each.position] = "p2"
        return {each.position: Outcome.MADE for each in known}

    def consume(self, record: Received, pace: Pace, batch: Batch) -> Outcome:
        self.records.append(record)
        if record.data == b"busy":
            raise Unavailable("No.")
        if record.data == b"fault":
            raise ValueError("a fault")
        if record.data == b"untold":
            batch.records[record.position] = "p1"
        return Outcome.MADE

    def tell(self, batch: Batch, pace: Pace) -> None:
        batch.untold.update(dict.fromkeys(batch.records.values(), EVENT))


@pytest.mark.parametrize(
    ("contents", "failed"),
    [
        ([b"first", b"busy", b"last", b"fault"], ["1", "3"]),
        ([b"busy", b"busy"], ["0", "1"]),
        ([b"first", b"last"], []),
        ([b"first", b"untold"], ["1"]),
        ([b"first", b"together", b"busy", b"together, untold"], ["2", "3"]),
    ],
)
def test_what_cannot_be_answered_now_is_handed_back_and_the_rest_is_not(
    cold_start: ColdStart, context: LambdaContext, contents: list[bytes], failed: list[str]
) -> None:
    module = cold_start("prediction_consumer", consumer=(consuming := Consuming()))
    records = [record(number, each) for number, each in enumerate(contents)]
    answer = module.handler({"Records": records}, context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
    (first,) = [each for each in consuming.records if each.sequence == "0"]
    assert first == Received(
        stream="arn:aws:kinesis:us-east-1:000000000000:stream/requests",
        shard="shard",
        sequence="0",
        arrived=datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
        data=contents[0],
    )


@pytest.mark.parametrize(
    ("status", "active", "answered"),
    [
        ("InService", ACTIVE, 200),
        ("Updating", ACTIVE, 200),
        ("InService", {}, 503),
        ("Failed", ACTIVE, 503),
    ],
)
def test_health_is_good_while_a_model_answers(
    cold_start: ColdStart,
    context: LambdaContext,
    status: str,
    active: dict[str, str],
    answered: int,
) -> None:
    module = cold_start(
        "health_reporter", sagemaker=Sagemaker(status), parameters=MemoryParameters(active)
    )
    answer = module.handler({**IMAGE, "httpMethod": "GET", "body": None}, context)
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["endpoint"]) == (answered, status)
    assert body.get("model_version") == active.get(active_version_parameter("ml-pipeline"))


def test_the_cache_is_cleared_when_another_version_serves(
    cold_start: ColdStart, context: LambdaContext
) -> None:
    cleared: list[dict[str, str]] = []

    class Gateway:
        def flush_stage_cache(self, **which: str) -> None:
            cleared.append(which)

    module = cold_start("cache_clearer", apigateway=Gateway())
    assert module.handler({"detail": {"operation": "Update"}}, context) == {}
    assert cleared == [{"restApiId": "a1b2c3", "stageName": "live"}]
