"""What the container answers, as it travels."""

import numpy as np
import pytest

from visionml.contracts.inference import (
    PIXEL_STATISTICS,
    BatchPrediction,
    ContainerPrediction,
    ErrorBody,
    ErrorDetail,
    InferenceEvent,
    MonitoredPrediction,
    PixelStatistics,
    packed,
    unpacked,
)

PLAIN = ContainerPrediction(
    label="7", probability=0.9, probabilities={"7": 0.9, "1": 0.1}, model_version="run-1"
)
STATISTICS = PixelStatistics(brightness=1, contrast=2, sharpness=3, red=4, green=5, blue=6)
MONITORED = MonitoredPrediction(**PLAIN.model_dump(), statistics=STATISTICS, embedding="ADw=")


def test_an_embedding_comes_out_as_it_went_in_to_three_digits() -> None:
    values = np.random.default_rng(0).normal(size=64).astype(np.float32)
    text = packed(values.astype("<f2").tobytes())
    assert len(text) < 180
    assert unpacked(text) == pytest.approx(values, rel=1e-3, abs=1e-3)
    assert unpacked(packed(b"")) == ()


def test_the_order_of_the_statistics_is_that_of_their_record() -> None:
    assert tuple(PixelStatistics.model_fields) == PIXEL_STATISTICS


def test_who_reads_a_plain_prediction_can_read_a_monitored_one() -> None:
    assert ContainerPrediction.model_validate_json(MONITORED.model_dump_json()) == PLAIN


def test_events_of_before_there_were_versions_are_read() -> None:
    told = {**PLAIN.model_dump(), "prediction_id": "p", "time": "2026-11-20T10:00:00Z"}
    told |= {"image_sha256": "0" * 64, "variant": "ModelA", "latency_ms": 3.0}
    six = dict.fromkeys(("brightness", "contrast", "sharpness", "red", "green", "blue"), 7.0)
    event = InferenceEvent.model_validate({**told, "statistics": six, "embedding": None})
    assert event.schema_version == 1
    assert event.statistics is not None
    assert (event.statistics.blue, event.statistics.noise) == (7.0, None)
    older = {**PLAIN.model_dump(), "statistics": six, "embedding": "ADw="}
    assert MonitoredPrediction.model_validate(older).statistics.red == 7.0


def test_entries_of_a_batch_keep_their_kind() -> None:
    refused = ErrorBody(error=ErrorDetail(code="empty", message="No bytes."))
    batch = BatchPrediction(predictions=(PLAIN, refused, MONITORED))
    assert BatchPrediction.model_validate_json(batch.model_dump_json()) == batch
