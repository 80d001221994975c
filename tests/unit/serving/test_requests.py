import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import pictures
from visionml.errors import RequestRefused
from visionml.imaging.header import Limits, read_header
from visionml.serving.limits import RequestLimits
from visionml.serving.requests import (
    IMAGE_TYPES,
    JSON_TYPE,
    ImageRequest,
    Item,
    MediaType,
    Reference,
    media_type,
    parse,
)

IMAGE = Limits(bytes=1000)
LIMITS = RequestLimits(image=IMAGE, batch=3)
JSON = MediaType(JSON_TYPE)


def as_json(image: bytes) -> bytes:
    return json.dumps({"image": base64.b64encode(image).decode()}).encode()


def opened(item: Item) -> ImageRequest:
    assert not isinstance(item, Reference)
    return item.open(IMAGE)


def single(body: bytes, media: MediaType = JSON) -> ImageRequest:
    parsed = parse(body, media, LIMITS)
    assert not parsed.batch
    (item,) = parsed.items
    return opened(item)


@given(st.binary(max_size=1000))
def test_base64_in_json_comes_out_as_it_went_in(image: bytes) -> None:
    assert single(as_json(image)) == ImageRequest(image, None)


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=3))
def test_a_json_list_is_a_batch_in_its_order(images: list[bytes]) -> None:
    body = b"[" + b",".join(map(as_json, images)) + b"]"
    parsed = parse(body, JSON, LIMITS)
    assert parsed.batch
    assert [opened(item).image for item in parsed.items] == images


@given(st.binary(max_size=300), st.sampled_from(sorted(IMAGE_TYPES)))
def test_bare_images_are_passed_on_untouched(image: bytes, kind: str) -> None:
    assert single(image, MediaType(kind)) == ImageRequest(image, IMAGE_TYPES[kind])


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.just("s3://abc/d"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["image", "s3"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_body_has_images_or_is_refused_with_a_known_code(body: bytes) -> None:
    refusals: list[RequestRefused] = []
    items: tuple[Item, ...] = ()
    try:
        items, batch = parse(body, JSON, LIMITS)
    except RequestRefused as refused:
        refusals.append(refused)
    else:
        given_value = json.loads(body)
        assert batch == isinstance(given_value, list)
        values = given_value if batch else [given_value]
        assert len(items) == len(values) <= 3
        for item, value in zip(items, values, strict=True):
            if isinstance(item, Reference):
                assert str(item) == value["s3"]
                continue
            try:
                image = opened(item).image
            except RequestRefused as refused:
                refusals.append(refused)
            else:
                assert value["image"] == base64.b64encode(image).decode()
    for refusal in refusals:
        assert (refusal.status, refusal.code) in {
            (400, "invalid_json"),
            (413, "too_many_images"),
            (422, "s3_refused"),
        }
        assert len(str(refusal)) < 1000


def test_a_bad_entry_of_a_list_is_refused_for_itself() -> None:
    body = json.dumps([{"image": "aGk="}, 7, {"image": "!"}]).encode()
    good, number, broken = parse(body, JSON, LIMITS).items
    assert opened(good).image == b"hi"
    for bad in (number, broken):
        with pytest.raises(RequestRefused) as refused:
            opened(bad)
        assert (refused.value.status, refused.value.code) == (400, "invalid_json")


def test_a_list_of_too_many_images_names_the_limit() -> None:
    with pytest.raises(RequestRefused) as refused:
        parse(json.dumps([{"image": ""}] * 4).encode(), JSON, LIMITS)
    assert (refused.value.status, refused.value.limit) == (413, 3)


def test_an_object_in_s3_is_named_and_not_fetched() -> None:
    body = json.dumps({"s3": "s3://photos-1/2026/a b.jpg"}).encode()
    assert parse(body, JSON, LIMITS).items == (Reference("photos-1", "2026/a b.jpg"),)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3://Bucket/key",
        "s3://b/key",
        "http://169.254.169.254/latest/meta-data",
        "https://bucket.s3.amazonaws.com/key",
        "file:///etc/passwd",
        "s3://user@host/key",
        "s3://host:80/key",
        "s3://arn:aws:s3:us-east-1:000000000000:accesspoint/mine/key",
        "s3://bucket/key\r\nHost: elsewhere",
        "s3://bucket/" + "k" * 1025,
        "s3://bucket/" + "\u00e9" * 600,
    ],
)
def test_what_is_no_address_in_s3_is_refused_with_422(address: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        parse(json.dumps({"s3": address}).encode(), JSON, LIMITS)
    assert (refused.value.status, refused.value.code) == (422, "s3_refused")


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
        b'{"image": "aGk=", "s3": "s3://abc/d"}',
        b'{"s3": 7}',
        b"[" * 100_000,
        b'{"image": ' + b"9" * 10_000 + b"}",
    ],
)
def test_broken_json_is_refused(body: bytes) -> None:
    with pytest.raises(RequestRefused) as refused:
        single(body)
    assert (refused.value.status, refused.value.code) == (400, "invalid_json")
    assert "base64" in refused.value.hint


def test_an_image_that_is_too_long_once_decoded_names_the_limit() -> None:
    with pytest.raises(RequestRefused) as refused:
        single(as_json(bytes(1001)))
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
    assert media_type(header) == MediaType(kind)


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
