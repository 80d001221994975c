import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.fakes.http import Scripted, serving
from visionml.contracts.inference import (
    BatchPrediction,
    ContainerPrediction,
    ErrorBody,
    ErrorDetail,
    MonitoredPrediction,
    PixelStatistics,
)
from visionml.errors import NotServing, RequestRefused, Unavailable, VisionmlError
from visionml.imaging.header import Limits
from visionml.serving.adapter import Inferred, infer, infer_together
from visionml.serving.limits import RequestLimits
from visionml.serving.payload import payload_of, payload_of_image
from visionml.serving.requests import PartOfBody, media_type, parse

ANSWER = ContainerPrediction(
    label="7", probability=0.9, probabilities={"7": 0.9, "1": 0.1}, model_version="run-1"
)
VARIANT = {"x-Amzn-Invoked-Production-Variant": "ModelB", "Content-Type": "application/json"}
SEEN = PixelStatistics(brightness=1.0, contrast=2.0, sharpness=3.0, red=4.0, green=5.0, blue=6.0)
SUCCESS = (200, VARIANT, ANSWER.model_dump_json().encode())


def model_error(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    """Return SageMaker's answer when a container answers `status` with an ``ErrorBody``."""
    body = ErrorBody(error=ErrorDetail(code=code, message="Because.", limit=3))
    content = {
        "Message": f"Received client error ({status}) from primary.",
        "OriginalStatusCode": status,
        "OriginalMessage": body.model_dump_json(),
        "LogStreamArn": "arn:aws:logs:us-east-1:000000000000:log-group:x",
    }
    return 424, {"x-amzn-ErrorType": "ModelError"}, json.dumps(content).encode()


def aws_error(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"x-amzn-ErrorType": code}, json.dumps({"Message": "No."}).encode()


class Pauses:
    """Counts the pauses between tries instead of taking them."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


@contextmanager
def runtime_of(script: Scripted) -> Iterator[Any]:
    runtime = boto3.client(
        "sagemaker-runtime",
        endpoint_url=script.url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )
    try:
        yield runtime
    finally:
        runtime.close()


def call(script: Scripted, *, pauses: Callable[[float], None], **more: object) -> Inferred:
    with runtime_of(script) as runtime:
        settings = {"runtime": runtime, "endpoint": "the-endpoint", "sleep": pauses, **more}
        image = payload_of(b"image bytes", "image/png", limit=100, read=str.encode)
        return infer(image, **settings)


def call_together(script: Scripted, *images: bytes, **more: Any) -> list[Inferred | ErrorDetail]:
    with runtime_of(script) as runtime:
        return infer_together(
            [payload_of_image(image) for image in images],
            [f"p{number}" for number in range(len(images))],
            runtime=runtime,
            endpoint="the-endpoint",
            sleep=Pauses(),
            **more,
        )


def test_an_answer_becomes_a_prediction_of_the_variant_that_gave_it() -> None:
    with serving(SUCCESS) as script:
        first, _ = call(script, pauses=Pauses())
        second, _ = call(script, pauses=Pauses(), variant="ModelB", prediction_id="given")
    assert first.model_dump(include=set(ContainerPrediction.model_fields)) == ANSWER.model_dump()
    assert (first.variant, first.latency_ms > 0) == ("ModelB", True)
    assert first.prediction_id != second.prediction_id == "given"
    (path, headers, body), (_, second_headers, _) = script.requests
    assert path == "/endpoints/the-endpoint/invocations"
    assert (headers["content-type"], body) == ("image/png", b"image bytes")
    assert headers["x-amzn-sagemaker-inference-id"] == first.prediction_id
    assert "x-amzn-sagemaker-target-variant" not in headers
    assert second_headers["x-amzn-sagemaker-target-variant"] == "ModelB"


def test_monitoring_is_told_what_the_caller_is_not() -> None:
    told = MonitoredPrediction(**ANSWER.model_dump(), statistics=SEEN, embedding="AAA=")
    with serving((200, VARIANT, told.model_dump_json().encode())) as script:
        prediction, event = call(script, pauses=Pauses())
    ((_, headers, _),) = script.requests
    assert headers["x-amzn-sagemaker-custom-attributes"] == "monitoring=true"
    assert not {"statistics", "embedding"} & set(prediction.model_dump())
    assert (event.statistics, event.embedding) == (SEEN, "AAA=")
    assert event.image_sha256 == hashlib.sha256(b"image bytes").hexdigest()
    assert event.model_dump().items() >= prediction.model_dump().items()


def test_a_container_that_tells_no_statistics_still_makes_an_event() -> None:
    with serving(SUCCESS) as script:
        prediction, event = call(script, pauses=Pauses())
    assert (event.prediction_id, event.statistics) == (prediction.prediction_id, None)


@pytest.mark.parametrize(
    ("status", "code"), [(400, "truncated"), (413, "too_many_pixels"), (422, "animated")]
)
def test_a_refused_image_is_not_tried_again(status: int, code: str) -> None:
    pauses = Pauses()
    with serving(model_error(status, code)) as script, pytest.raises(RequestRefused) as refused:
        call(script, pauses=pauses)
    found = refused.value
    assert (found.status, found.code, found.limit) == (status, code, 3)
    assert len(script.requests) == 1
    assert not pauses.taken


@pytest.mark.parametrize(
    "busy",
    [
        model_error(429, "busy"),
        model_error(503, "draining"),
        aws_error(503, "ServiceUnavailable"),
        aws_error(429, "ModelNotReadyException"),
        aws_error(400, "ThrottlingException"),
    ],
)
def test_a_busy_endpoint_is_asked_again(busy: tuple[int, dict[str, str], bytes]) -> None:
    pauses = Pauses()
    with serving(busy, busy, SUCCESS) as script:
        assert call(script, pauses=pauses).prediction.label == "7"
    assert len(script.requests) == 3
    assert len(pauses.taken) == 2
    assert all(0 <= pause <= 0.4 for pause in pauses.taken)


def test_it_gives_up_after_four_tries() -> None:
    with serving(model_error(429, "busy")) as script, pytest.raises(NotServing) as refused:
        call(script, pauses=Pauses())
    assert (refused.value.status, refused.value.code) == (429, "busy")
    assert len(script.requests) == 4


def test_it_does_not_outlast_its_deadline() -> None:
    with serving(model_error(429, "busy")) as script, pytest.raises(NotServing):
        call(script, pauses=Pauses(), deadline_seconds=0)
    assert len(script.requests) == 1


def test_a_variant_that_is_gone_leaves_the_choice_to_sagemaker() -> None:
    gone = aws_error(400, "ValidationError")
    with serving(gone, SUCCESS) as script:
        assert call(script, pauses=Pauses(), variant="ModelC").prediction.variant == "ModelB"
    first, second = (headers for _, headers, _ in script.requests)
    assert first["x-amzn-sagemaker-target-variant"] == "ModelC"
    assert "x-amzn-sagemaker-target-variant" not in second


def test_an_image_that_a_callers_variant_refuses_is_not_shown_to_another() -> None:
    with serving(model_error(400, "truncated")) as script, pytest.raises(RequestRefused):
        call(script, pauses=Pauses(), variant="ModelB")
    assert len(script.requests) == 1


@pytest.mark.parametrize("code", ["no_model", "timeout"])
def test_what_will_not_pass_is_not_tried_again(code: str) -> None:
    with serving(model_error(503, code)) as script, pytest.raises(NotServing) as refused:
        call(script, pauses=Pauses())
    assert (refused.value.status, refused.value.code) == (503, code)
    assert len(script.requests) == 1


def test_an_endpoint_that_does_not_exist_is_an_error_of_the_operator() -> None:
    missing = aws_error(400, "ValidationError")
    with serving(missing) as script, pytest.raises(VisionmlError, match="invoke the endpoint"):
        call(script, pauses=Pauses())
    assert len(script.requests) == 1


def test_an_answer_that_is_no_prediction_is_said_to_be_none() -> None:
    with serving((200, VARIANT, b"<html>")) as script, pytest.raises(Unavailable, match="other"):
        call(script, pauses=Pauses())


def together(*entries: MonitoredPrediction | ErrorBody) -> tuple[int, dict[str, str], bytes]:
    return 200, VARIANT, BatchPrediction(predictions=entries).model_dump_json().encode()


TOLD = MonitoredPrediction(**ANSWER.model_dump(), statistics=SEEN, embedding="AAA=")
NO_IMAGE = ErrorBody(error=ErrorDetail(code="unreadable", message="No image."))


def test_several_images_are_one_invocation_and_each_is_its_own_prediction() -> None:
    with serving(together(TOLD, NO_IMAGE, TOLD)) as script:
        first, second, third = call_together(script, b"one", b"two", b"three", variant="ModelB")
    assert isinstance(first, Inferred)
    assert isinstance(third, Inferred)
    assert second == NO_IMAGE.error
    assert (first.prediction.prediction_id, third.event.prediction_id) == ("p0", "p2")
    assert (first.event.statistics, first.event.embedding) == (SEEN, "AAA=")
    assert first.event.image_sha256 == hashlib.sha256(b"one").hexdigest()
    assert first.prediction.variant == "ModelB"
    assert first.prediction.latency_ms == third.prediction.latency_ms > 0
    ((_, headers, body),) = script.requests
    parsed = parse(body, media_type(headers["content-type"]), RequestLimits())
    opened = [each.open(Limits()) for each in parsed.items if isinstance(each, PartOfBody)]
    assert [(each.image, each.claimed) for each in opened] == [
        (b"one", None),
        (b"two", None),
        (b"three", None),
    ]
    assert headers["x-amzn-sagemaker-custom-attributes"] == "monitoring=true"
    assert headers["x-amzn-sagemaker-target-variant"] == "ModelB"
    assert "x-amzn-sagemaker-inference-id" not in headers


def test_the_latency_of_images_that_went_together_is_shared_among_them() -> None:
    began = time.perf_counter()
    with serving(together(TOLD, TOLD, TOLD, TOLD)) as script:
        answers = call_together(script, *[b"image"] * 4)
    took = (time.perf_counter() - began) * 1e3
    shares = [each.prediction.latency_ms for each in answers if isinstance(each, Inferred)]
    assert len(shares) == 4
    assert 0 < sum(shares) < took


def test_an_endpoint_that_is_busy_is_asked_again_about_all_of_them() -> None:
    with serving(model_error(429, "busy"), together(TOLD, TOLD)) as script:
        assert len(call_together(script, b"one", b"two")) == 2
    assert len(script.requests) == 2


def test_an_answer_with_another_number_of_entries_is_nobodys() -> None:
    with serving(together(TOLD)) as script, pytest.raises(Unavailable, match="other"):
        call_together(script, b"one", b"two")


@pytest.mark.parametrize(
    "module",
    ["adapter", "bundles", "client", "payload", "publisher", "statuses", "sticky", "uploads"],
)
def test_callers_load_nothing_heavy(module: str) -> None:
    program = (
        f"import sys, visionml.serving.{module}\n"
        "print({'numpy', 'pyvips', 'onnxruntime', 'torch', 'starlette'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert (ran.stdout.strip(), ran.stderr) == ("set()", "")
