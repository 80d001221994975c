"""Predictions that are collected later: accepted once, settled once, forgotten in time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.table import MemoryTable
from visionml.contracts.inference import (
    ErrorDetail,
    InferenceEvent,
    InferenceRequest,
    Prediction,
)
from visionml.errors import Conflict, NotServing, RequestRefused, Unavailable
from visionml.serving.adapter import Inferred
from visionml.serving.deferred import GIVE_UP, fulfil, submit
from visionml.serving.payload import Payload
from visionml.serving.predictions import Predictions
from visionml.serving.uploads import Uploaded

NOW = datetime(2026, 11, 20, tzinfo=UTC)
PREDICTION = Prediction(
    label="7",
    probability=0.9,
    probabilities={"7": 0.9, "1": 0.1},
    model_version="run-1",
    prediction_id="p1",
    variant="ModelA",
    latency_ms=3.5,
)
INFERRED = Inferred(
    PREDICTION, InferenceEvent(**PREDICTION.model_dump(), time=NOW, image_sha256="ab")
)
REQUEST = InferenceRequest(prediction_id="p1", s3="s3://raw/inference/1", time=NOW)


class Bucket:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def write(self, address: str, content: bytes, *, content_type: str) -> None:
        assert content_type == "image/png"
        self.objects[address] = content


@pytest.fixture
def predictions() -> Predictions:
    return Predictions(MemoryTable(), days=2, clock=lambda: 1000.0)  # type: ignore[arg-type]


def refuse(error: Exception) -> Callable[[InferenceRequest], Inferred]:
    def infer(_: InferenceRequest) -> Inferred:
        raise error

    return infer


def test_a_prediction_is_pending_until_it_is_settled_and_that_happens_once(
    predictions: Predictions,
) -> None:
    assert predictions.accept("p1") == predictions.get("p1")
    assert predictions.settle("p1", PREDICTION)
    assert not predictions.settle("p1", ErrorDetail(code="late", message="Too late."))
    found = predictions.get("p1")
    assert (found.status, found.prediction, found.error) == ("done", PREDICTION, None)
    with pytest.raises(Conflict):
        predictions.accept("p1")


def test_what_was_never_accepted_or_has_expired_is_unknown() -> None:
    now = [1000.0]
    table = MemoryTable()
    predictions = Predictions(table, days=2, clock=lambda: now[0])  # type: ignore[arg-type]
    predictions.accept("p1")
    (item,) = table.items.values()
    assert item["expirationTime"] == 1000 + 2 * 86_400
    now[0] = item["expirationTime"]
    for unknown in ("p1", "p2"):
        with pytest.raises(RequestRefused) as raised:
            predictions.get(unknown)
        assert (raised.value.status, raised.value.code) == (404, "unknown_prediction")


def test_an_image_is_kept_and_its_prediction_asked_for(predictions: Predictions) -> None:
    bucket, sent = Bucket(), list[InferenceRequest]()
    uploaded = Uploaded(bucket, "raw")  # type: ignore[arg-type]
    payload = Payload(b"image", "image/png", "ab")
    state = submit(payload, uploaded=uploaded, predictions=predictions, send=sent.append)
    (request,) = sent
    assert bucket.objects == {request.s3: b"image"}
    assert state.status == predictions.get(request.prediction_id).status == "pending"


def test_an_image_in_s3_stays_where_it_is_and_strange_addresses_are_refused(
    predictions: Predictions,
) -> None:
    bucket, sent = Bucket(), list[InferenceRequest]()
    uploaded = Uploaded(bucket, "raw")  # type: ignore[arg-type]
    submit("s3://raw/inference/1", uploaded=uploaded, predictions=predictions, send=sent.append)
    assert [request.s3 for request in sent] == ["s3://raw/inference/1"]
    with pytest.raises(RequestRefused):
        submit("s3://raw/images/1", uploaded=uploaded, predictions=predictions, send=sent.append)
    assert (len(sent), bucket.objects) == (1, {})


def test_a_request_that_comes_twice_is_predicted_once(predictions: Predictions) -> None:
    predictions.accept("p1")
    asked: list[InferenceRequest] = []

    def infer(request: InferenceRequest) -> Inferred:
        asked.append(request)
        return INFERRED

    outcomes = [fulfil(REQUEST, predictions=predictions, infer=infer, now=NOW) for _ in range(2)]
    assert outcomes == [INFERRED, None]
    assert asked == [REQUEST]
    assert predictions.get("p1").prediction == PREDICTION


def test_of_two_that_predict_at_once_one_alone_tells_of_it(predictions: Predictions) -> None:
    predictions.accept("p1")

    def overtaken(_: InferenceRequest) -> Inferred:
        predictions.settle("p1", PREDICTION)
        return INFERRED

    assert fulfil(REQUEST, predictions=predictions, infer=overtaken, now=NOW) is None


def test_a_refused_image_is_a_failure_that_says_why(predictions: Predictions) -> None:
    predictions.accept("p1")
    refusal = RequestRefused("Broken.", code="truncated", status=400)
    assert fulfil(REQUEST, predictions=predictions, infer=refuse(refusal), now=NOW) is None
    found = predictions.get("p1")
    assert found.error is not None
    assert (found.status, found.error.code) == ("failed", "truncated")


@pytest.mark.parametrize("error", [Unavailable("No."), NotServing("No.", code="busy", status=429)])
def test_a_busy_endpoint_is_waited_for_but_not_for_ever(
    predictions: Predictions, error: Unavailable
) -> None:
    predictions.accept("p1")
    soon = NOW + GIVE_UP - timedelta(seconds=1)
    with pytest.raises(Unavailable):
        fulfil(REQUEST, predictions=predictions, infer=refuse(error), now=soon)
    assert predictions.get("p1").status == "pending"
    assert fulfil(REQUEST, predictions=predictions, infer=refuse(error), now=NOW + GIVE_UP) is None
    assert predictions.get("p1").status == "failed"


def test_a_forgotten_prediction_is_not_made(predictions: Predictions) -> None:
    unasked = refuse(AssertionError("nobody collects it"))
    assert fulfil(REQUEST, predictions=predictions, infer=unasked, now=NOW) is None
