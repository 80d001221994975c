import hashlib
import json

import pytest

from tests.fakes import pictures
from tests.fakes.http import serving
from visionml.contracts.inference import (
    INLINE_IMAGE_BYTES,
    ErrorBody,
    ErrorDetail,
    Prediction,
    PredictionState,
    Upload,
)
from visionml.errors import (
    AccessDenied,
    ImageRefused,
    NotServing,
    RequestRefused,
    Unavailable,
    VisionmlError,
)
from visionml.serving.client import InferenceApi

PREDICTION = Prediction(
    label="7",
    probability=0.9,
    probabilities={"7": 0.9},
    model_version="run-1",
    prediction_id="p1",
    variant="ModelA",
    latency_ms=3.5,
)
SUCCESS = (200, {"Content-Type": "application/json"}, PREDICTION.model_dump_json().encode())
PNG = pictures.encoded(pictures.corners(), "PNG")


def error(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    body = ErrorBody(error=ErrorDetail(code=code, message="Because.", limit=5))
    return status, {"Content-Type": "application/json"}, body.model_dump_json().encode()


def api(url: str, *, retries: int = 2) -> InferenceApi:
    return InferenceApi(url + "/v1", "the-key", retries=retries, backoff_seconds=0.001)


def test_the_image_is_sent_with_its_type_and_the_key() -> None:
    with serving(SUCCESS) as script:
        assert api(script.url).predict(PNG) == PREDICTION
    ((path, headers, body),) = script.requests
    assert (path, body) == ("/v1/inference", PNG)
    assert (headers["content-type"], headers["x-api-key"]) == ("image/png", "the-key")


def test_the_image_is_named_by_its_hash() -> None:
    with serving(SUCCESS) as script:
        api(script.url).predict(PNG)
    ((_, headers, _),) = script.requests
    assert headers["x-image-sha256"] == hashlib.sha256(PNG).hexdigest()


def test_an_image_too_large_for_a_request_goes_to_s3_first() -> None:
    image = PNG + bytes(INLINE_IMAGE_BYTES)
    with serving() as script:
        place = Upload(
            url=f"{script.url}/bucket/inference/1?signed",
            headers={"Content-Type": "image/png", "Content-Length": str(len(image))},
            s3="s3://raw/inference/1",
            expires_seconds=300,
        )
        script.answers += [(201, {}, place.model_dump_json().encode()), (200, {}, b""), SUCCESS]
        assert api(script.url).predict(image) == PREDICTION
    asked, put, predicted = script.requests
    assert asked[0] == "/v1/uploads"
    assert json.loads(asked[2]) == {"content_type": "image/png", "bytes": len(image)}
    assert (put[0], put[2] == image) == ("/bucket/inference/1?signed", True)
    assert "x-api-key" not in put[1]
    assert predicted[0] == "/v1/inference"
    assert json.loads(predicted[2]) == {"s3": "s3://raw/inference/1"}
    assert predicted[1]["x-image-sha256"] == hashlib.sha256(image).hexdigest()


def state(status: str, **more: object) -> tuple[int, dict[str, str], bytes]:
    body = PredictionState.model_validate({"prediction_id": "p1", "status": status, **more})
    return 202 if status == "pending" else 200, {}, body.model_dump_json().encode()


def test_a_prediction_is_asked_for_and_collected() -> None:
    pauses: list[float] = []
    with serving(
        state("pending"), state("pending"), state("done", prediction=PREDICTION)
    ) as script:
        client = api(script.url)
        prediction_id = client.submit(PNG)
        assert client.collect(prediction_id, sleep=pauses.append) == PREDICTION
    paths = [path for path, _, _ in script.requests]
    assert paths == ["/v1/inference/async", "/v1/predictions/p1", "/v1/predictions/p1"]
    assert len(pauses) == 1


def test_a_prediction_that_failed_says_why() -> None:
    why = ErrorDetail(code="truncated", message="Broken.")
    with serving(state("failed", error=why)) as script, pytest.raises(RequestRefused) as raised:
        api(script.url).collect("p1")
    assert raised.value.code == "truncated"


def test_a_prediction_is_not_waited_for_without_end() -> None:
    with serving(state("pending")) as script, pytest.raises(Unavailable, match="later"):
        api(script.url).collect("p1", patience_seconds=0, sleep=lambda _: None)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again(status: int) -> None:
    with serving(error(status, "busy"), error(status, "busy"), SUCCESS) as script:
        assert api(script.url).predict(PNG) == PREDICTION
    attempts = [headers.get("x-attempt") for _, headers, _ in script.requests]
    assert attempts[0] is None
    assert len(set(attempts)) == 3


def test_a_refusal_that_was_kept_for_a_wrong_hash_is_not_taken_for_its_own() -> None:
    with serving(error(400, "hash_mismatch"), SUCCESS) as script:
        assert api(script.url).predict(PNG) == PREDICTION
    assert "x-attempt" in script.requests[1][1]


def test_a_prediction_is_collected_from_a_busy_service() -> None:
    with serving(error(429, "busy"), state("done", prediction=PREDICTION)) as script:
        assert api(script.url).collect("p1", sleep=lambda _: None) == PREDICTION


def test_it_gives_up_with_what_the_service_said_last() -> None:
    with serving(error(429, "busy")) as script, pytest.raises(NotServing) as raised:
        api(script.url).predict(PNG)
    assert (raised.value.status, raised.value.code, raised.value.limit) == (429, "busy", 5)
    assert len(script.requests) == 3


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_refused_request_is_not_tried_again(status: int) -> None:
    with serving(error(status, "why")) as script, pytest.raises(RequestRefused) as raised:
        api(script.url).predict(PNG)
    assert (raised.value.status, raised.value.code) == (status, "why")
    assert len(script.requests) == 1


def test_what_cannot_be_an_image_is_not_sent_unless_its_type_is_given() -> None:
    with serving(error(422, "unsupported")) as script:
        with pytest.raises(ImageRefused):
            api(script.url).predict(b"<html>")
        assert not script.requests
        with pytest.raises(RequestRefused):
            api(script.url).predict(b"<html>", content_type="image/jpeg")
    assert len(script.requests) == 1


def test_a_wrong_key_is_named() -> None:
    with (
        serving((403, {}, b'{"message": "Forbidden"}')) as script,
        pytest.raises(AccessDenied, match="key"),
    ):
        api(script.url).predict(PNG)


def test_a_failing_service_is_unavailable() -> None:
    with (
        serving((500, {}, b'{"message": "Internal server error"}')) as script,
        pytest.raises(Unavailable, match="500"),
    ):
        api(script.url).predict(PNG)


def test_another_service_at_the_address_is_noticed() -> None:
    with serving((200, {}, b"<html>")) as script, pytest.raises(VisionmlError, match="address"):
        api(script.url).predict(PNG)


def test_a_closed_port_is_unavailable() -> None:
    with serving(SUCCESS) as script:
        pass
    with pytest.raises(Unavailable, match="Could not reach"):
        api(script.url, retries=0).predict(PNG)
