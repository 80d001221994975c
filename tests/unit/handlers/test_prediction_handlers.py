"""The handlers of predictions that are collected later, and of health."""

import base64
import json
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.fakes import events
from tests.fakes.parameters import MemoryParameters
from tests.fakes.table import MemoryTable
from tests.unit.handlers.conftest import ColdStart
from visionml.contracts.inference import InferenceRequest
from visionml.contracts.names import active_version_parameter
from visionml.errors import Unavailable
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
        "kinesis": {
            "sequenceNumber": str(number),
            "partitionKey": "p",
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


def test_what_cannot_be_answered_now_is_handed_back_and_the_rest_is_not(
    cold_start: ColdStart,
    context: LambdaContext,
    predictions: Predictions,
) -> None:
    asked: list[str] = []

    def fulfil(request: InferenceRequest, **_: object) -> None:
        asked.append(request.prediction_id)
        if request.prediction_id == "busy":
            raise Unavailable("No.")

    module = cold_start("prediction_consumer", predictions=predictions, fulfil=fulfil)
    requests = [
        InferenceRequest.model_validate(
            {"prediction_id": name, "s3": "s3://raw/inference/1", "time": "2026-11-20T00:00:00Z"}
        )
        for name in ("first", "busy", "last")
    ]
    records = [record(n, each.model_dump_json().encode()) for n, each in enumerate(requests)]
    answer = module.handler({"Records": [*records, record(3, b"no request")]}, context)
    assert asked == ["first", "busy", "last"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}


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
