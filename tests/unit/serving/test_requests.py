import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import pictures
from visionml.errors import RequestRefused
from visionml.imaging.header import Limits, read_header
from visionml.serving.requests import IMAGE_TYPES, JSON_TYPE, ImageRequest, media_type, parse

LIMITS = Limits(bytes=1000)


def as_json(image: bytes) -> bytes:
    return json.dumps({"image": base64.b64encode(image).decode()}).encode()


@given(st.binary(max_size=1000))
def test_base64_in_json_comes_out_as_it_went_in(image: bytes) -> None:
    assert parse(as_json(image), JSON_TYPE, LIMITS) == ImageRequest(image, None)


@given(st.binary(max_size=300), st.sampled_from(sorted(IMAGE_TYPES)))
def test_bare_images_are_passed_on_untouched(image: bytes, kind: str) -> None:
    assert parse(image, kind, LIMITS) == ImageRequest(image, IMAGE_TYPES[kind])


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(max_size=3) | st.just("image"), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_an_image_or_is_refused_with_400(body: bytes) -> None:
    found: ImageRequest | RequestRefused
    try:
        found = parse(body, JSON_TYPE, LIMITS)
    except RequestRefused as refusal:
        found = refusal
    if isinstance(found, ImageRequest):
        assert json.loads(body)["image"] == base64.b64encode(found.image).decode()
    else:
        assert (found.status, found.code) == (400, "invalid_json")
        assert len(str(found)) < 1000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"image": null}',
        b'{"image": ["aGk="]}',
        b'{"image": "not base64!"}',
        b'{"image": "aGk"}',
        b'{"image": "aG\\u00e9k"}',
        b'{"image": "aGk=", "label": "7"}',
        b"[" * 100_000,
        b'{"image": ' + b"9" * 10_000 + b"}",
    ],
)
def test_broken_json_is_refused(body: bytes) -> None:
    with pytest.raises(RequestRefused) as refused:
        parse(body, JSON_TYPE, LIMITS)
    assert (refused.value.status, refused.value.code) == (400, "invalid_json")
    assert "base64" in refused.value.hint


def test_an_image_that_is_too_long_once_decoded_names_the_limit() -> None:
    with pytest.raises(RequestRefused) as refused:
        parse(as_json(bytes(1001)), JSON_TYPE, LIMITS)
    assert (refused.value.status, refused.value.limit) == (413, 1000)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("image/jpeg", "image/jpeg"),
        ("IMAGE/PNG", "image/png"),
        (" image/webp ; q=1", "image/webp"),
        ("application/json; charset=utf-8", JSON_TYPE),
        ("application/x-image", "application/x-image"),
    ],
)
def test_media_types_are_read_without_their_parameters(header: str, kind: str) -> None:
    assert media_type(header) == kind


@given(st.text(max_size=50))
def test_other_media_types_are_refused_with_415(header: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        media_type("x" + header)
    assert (refused.value.status, refused.value.code) == (415, "unsupported_media_type")
    assert "image/jpeg" in refused.value.hint


def test_a_missing_media_type_is_refused_with_415() -> None:
    with pytest.raises(RequestRefused, match="No content type"):
        media_type("")


def test_claims_are_held_against_the_image() -> None:
    data = pictures.encoded(pictures.corners(), "PNG")
    facts = read_header(data)
    ImageRequest(data, "png").check_claim(facts)
    ImageRequest(data, None).check_claim(facts)
    with pytest.raises(RequestRefused, match="image/jpeg, but the image is image/png") as refused:
        ImageRequest(data, "jpeg").check_claim(facts)
    assert (refused.value.status, refused.value.code) == (422, "type_mismatch")
