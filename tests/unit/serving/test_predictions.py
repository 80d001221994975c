"""Predictions that are collected later: accepted once, settled once, forgotten in time."""

from datetime import UTC, datetime

import pytest

from tests.fakes.table import MemoryTable
from visionml.contracts.inference import (
    ErrorDetail,
    InferenceEvent,
    InferenceRequest,
    Prediction,
)
from visionml.errors import Conflict, RequestRefused
from visionml.serving.deferred import submit
from visionml.serving.payload import Payload
from visionml.serving.predictions import Ending, Kept, Predictions
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
EVENT = InferenceEvent(**PREDICTION.model_dump(), time=NOW, image_sha256="ab")


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


def test_a_prediction_is_pending_until_it_is_settled_and_that_happens_once(
    predictions: Predictions,
) -> None:
    assert predictions.accept("p1") == predictions.get("p1")
    assert predictions.settle(Ending("p1", PREDICTION))
    assert not predictions.settle(Ending("p1", ErrorDetail(code="late", message="Too late.")))
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


def test_what_monitoring_is_to_be_told_is_kept_until_it_was(predictions: Predictions) -> None:
    predictions.accept("p1")
    assert predictions.settle(Ending("p1", PREDICTION, EVENT, "print", "shard:1"))
    kept = predictions.find("p1")
    assert kept
    assert (kept.event, kept.request, kept.record) == (EVENT, "print", "shard:1")
    predictions.published(["p1", "p2"])
    kept = predictions.find("p1")
    assert kept
    assert (kept.event, kept.state.prediction) == (None, PREDICTION)


def test_only_a_failed_prediction_is_opened_again(predictions: Predictions) -> None:
    predictions.accept("p1")
    assert not predictions.reopen("p1")
    predictions.settle(Ending("p1", ErrorDetail(code="late", message="Too late."), request="print"))
    assert predictions.reopen("p1")
    assert predictions.find("p1") == Kept(predictions.get("p1"))
    assert predictions.get("p1").status == "pending"
    assert predictions.settle(Ending("p1", PREDICTION))
    assert not predictions.reopen("p1")
    assert not predictions.reopen("p2")


def test_several_are_settled_together_and_one_that_was_already_changes_no_other(
    predictions: Predictions,
) -> None:
    for name in ("p1", "p2", "p3"):
        predictions.accept(name)
    late = ErrorDetail(code="late", message="Too late.")
    predictions.settle(Ending("p2", late))
    endings = [
        Ending("p1", PREDICTION, EVENT, "print", "shard:1"),
        Ending("p2", PREDICTION),
        Ending("p3", late),
        Ending("p4", PREDICTION),
    ]
    assert predictions.settle_all(endings) == [True, False, True, False]
    assert predictions.settle_all(endings[:1]) == [False]
    kept = predictions.find("p1")
    assert kept
    assert (kept.event, kept.request, kept.record) == (EVENT, "print", "shard:1")
    assert [predictions.get(f"p{number}").status for number in (1, 2, 3)] == [
        "done",
        "failed",
        "failed",
    ]
    assert predictions.find("p4") is None


def test_more_than_a_transaction_takes_are_settled_all_the_same(predictions: Predictions) -> None:
    names = [f"p{number}" for number in range(230)]
    for name in names:
        predictions.accept(name)
    assert predictions.settle_all([Ending(name, PREDICTION) for name in names]) == [True] * 230
    assert {predictions.get(name).status for name in names} == {"done"}
