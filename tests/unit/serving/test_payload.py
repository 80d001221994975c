"""What ``POST /inference`` may hold, and what is refused before the endpoint is asked."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionml.contracts.inference import IMAGE_TYPES, INLINE_IMAGE_BYTES, LARGEST_REQUEST_BYTES
from visionml.errors import RequestRefused
from visionml.serving.payload import Payload, payload_of

IMAGE = b"\x89PNG and so on"
HASH = hashlib.sha256(IMAGE).hexdigest()
IN_JSON = json.dumps({"image": base64.b64encode(IMAGE).decode()}).encode()


def nothing(address: str) -> bytes:
    raise AssertionError(f"{address} was not named")


def refused(body: bytes, content_type: str, **more: str) -> tuple[int, str]:
    with pytest.raises(RequestRefused) as raised:
        payload_of(body, content_type, limit=len(IMAGE), read=nothing, **more)
    return raised.value.status, raised.value.code


@pytest.mark.parametrize("content_type", [*IMAGE_TYPES, "IMAGE/PNG; q=1"])
def test_an_image_is_passed_on_under_its_own_type(content_type: str) -> None:
    kind = content_type.partition(";")[0].lower()
    assert payload_of(IMAGE, content_type, limit=100, read=nothing) == Payload(IMAGE, kind, HASH)


def test_an_image_in_json_has_the_same_hash() -> None:
    found = payload_of(
        IN_JSON, "application/json", limit=len(IMAGE), read=nothing, stated_hash=HASH
    )
    assert found == Payload(IMAGE, "application/x-image", HASH)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"", "image/png", 400, "empty"),
        (IMAGE, "", 415, "unsupported_media_type"),
        (IMAGE, "image/gif", 415, "unsupported_media_type"),
        (IMAGE, "multipart/form-data; boundary=x", 415, "unsupported_media_type"),
        (IMAGE + b"1", "image/png", 413, "too_many_bytes"),
        (b"{", "application/json", 400, "invalid_json"),
        (b"[]", "application/json", 400, "invalid_json"),
        (b"\xff", "application/json", 400, "invalid_json"),
        (b'{"image": 1}', "application/json", 400, "invalid_json"),
        (b'{"image": "?"}', "application/json", 400, "invalid_json"),
        (b"{}", "application/json", 400, "invalid_json"),
        (b'{"image": "", "s3": ""}', "application/json", 400, "invalid_json"),
        (b'{"image": "", "more": 1}', "application/json", 400, "invalid_json"),
    ],
)
def test_what_is_not_served_is_refused(
    body: bytes, content_type: str, status: int, code: str
) -> None:
    assert refused(body, content_type) == (status, code)


def test_a_wrong_hash_is_refused() -> None:
    assert refused(IMAGE, "image/png", stated_hash="0" * 64) == (400, "hash_mismatch")


def test_an_image_at_an_address_is_fetched_and_hashed() -> None:
    held = {"s3://raw/inference/1": IMAGE}
    body = b'{"s3": "s3://raw/inference/1"}'
    found = payload_of(body, "application/json", limit=10, read=held.__getitem__, stated_hash=HASH)
    assert found == Payload(IMAGE, "application/x-image", HASH)


def test_what_does_not_fit_into_a_request_is_told_the_other_way() -> None:
    image = bytes(INLINE_IMAGE_BYTES + 1)
    with pytest.raises(RequestRefused, match="POST /uploads") as raised:
        payload_of(image, "image/png", limit=20_000_000, read=nothing)
    assert (raised.value.status, raised.value.limit) == (413, INLINE_IMAGE_BYTES)
    largest = payload_of(image[1:], "image/png", limit=20_000_000, read=nothing)
    assert len(largest.body) == INLINE_IMAGE_BYTES


def test_base64_of_the_largest_image_fits_into_what_a_function_is_handed() -> None:
    assert INLINE_IMAGE_BYTES * 4 // 3 + 2 * 10_240 < 6 * 1024 * 1024 < LARGEST_REQUEST_BYTES


@given(
    body=st.binary(max_size=200), content_type=st.sampled_from(["application/json", "image/png"])
)
def test_any_body_is_an_image_or_a_refusal(body: bytes, content_type: str) -> None:
    try:
        found = payload_of(body, content_type, limit=100, read=nothing)
    except RequestRefused as error:
        status = error.status
    else:
        status = 200 if found.image_sha256 == hashlib.sha256(found.body).hexdigest() else 500
    assert status in {200, 400, 413}
