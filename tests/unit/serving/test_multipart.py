import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.filepost import encode_multipart_formdata

from visionml.errors import RequestRefused
from visionml.imaging.header import Limits
from visionml.serving.limits import RequestLimits
from visionml.serving.multipart import boundary, join, split
from visionml.serving.requests import MediaType, Reference, media_type, parse

MOST = 4
BOUNDARIES = st.text(string.ascii_letters + string.digits + "'()+_,-./:=?", min_size=1, max_size=70)


def built(mark: bytes, contents: list[bytes], head: bytes = b"Content-Type: image/png") -> bytes:
    """Build a body as RFC 2046 says."""
    parts = [b"--" + mark + b"\r\n" + head + b"\r\n\r\n" + each + b"\r\n" for each in contents]
    return b"".join(parts) + b"--" + mark + b"--\r\n"


@given(BOUNDARIES, st.lists(st.binary(max_size=200), min_size=1, max_size=MOST))
def test_parts_come_out_as_they_went_in(text: str, contents: list[bytes]) -> None:
    mark = text.encode()
    if any(b"--" + mark in b"\r\n" + each for each in contents):
        return
    parts = split(built(mark, contents), mark, most=MOST)
    assert [bytes(part.content) for part in parts] == contents
    assert {part.content_type for part in parts} == {"image/png"}


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=MOST))
def test_what_http_libraries_build_is_read(contents: list[bytes]) -> None:
    fields = [
        (f"f{number}", (f"{number}.png", each, "image/png")) for number, each in enumerate(contents)
    ]
    body, header = encode_multipart_formdata(fields)
    parsed = parse(body, media_type(header), RequestLimits(batch=MOST))
    assert parsed.batch
    found = [each.open(Limits()) for each in parsed.items if not isinstance(each, Reference)]
    assert [each.image for each in found] == contents
    assert {each.claimed for each in found} == {"png"}


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=MOST))
def test_what_was_joined_is_split_into_the_same(contents: list[bytes]) -> None:
    body, header = join(contents)
    parsed = parse(body, media_type(header), RequestLimits(batch=MOST))
    found = [each.open(Limits()) for each in parsed.items if not isinstance(each, Reference)]
    assert [(each.image, each.claimed) for each in found] == [(each, None) for each in contents]


PIECES = st.sampled_from([b"--b", b"\r\n", b"\r\n--b", b"--", b"x"])


@given(st.binary(max_size=100) | st.lists(PIECES).map(b"".join), st.booleans())
def test_any_body_is_read_or_refused(body: bytes, ended: bool) -> None:
    found: int | tuple[int, str]
    try:
        found = len(split(body + b"\r\n--b--" * ended, b"b", most=MOST))
    except RequestRefused as refused:
        found = refused.status, refused.code
    assert found in {1, 2, 3, 4, (400, "invalid_multipart"), (413, "too_many_images")}


def test_text_before_and_after_plays_no_part() -> None:
    body = b"For old readers.\r\n" + built(b"b", [b"one", b"two"]) + b"The end."
    assert [bytes(part.content) for part in split(body, b"b", most=MOST)] == [b"one", b"two"]


def test_a_part_may_have_no_headers_and_spaces_may_follow_a_boundary() -> None:
    (part,) = split(b"--b \t\r\n\r\nhi\r\n--b--", b"b", most=MOST)
    assert (bytes(part.content), part.content_type, part.plain) == (b"hi", "", True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b",
        b"--b--",
        b"--b\r\n\r\nhi",
        b"--b\r\nContent-Type: image/png\r\n--b--",
        b"--bc\r\n\r\nhi\r\n--b--",
        b"--b\r\n" + b"X: " + b"x" * 9000 + b"\r\n\r\nhi\r\n--b--",
    ],
)
def test_what_is_cut_off_or_built_otherwise_is_refused_with_400(body: bytes) -> None:
    with pytest.raises(RequestRefused) as refused:
        split(body, b"b", most=MOST)
    assert (refused.value.status, refused.value.code) == (400, "invalid_multipart")


def test_too_many_parts_name_the_limit() -> None:
    with pytest.raises(RequestRefused) as refused:
        split(built(b"b", [b"x"] * (MOST + 1)), b"b", most=MOST)
    assert (refused.value.status, refused.value.limit) == (413, MOST)


@pytest.mark.parametrize(
    ("header", "mark"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Mixed; charset=utf-8; Boundary="a b:c"', b"a b:c"),
    ],
)
def test_the_boundary_is_read_from_the_content_type(header: str, mark: bytes) -> None:
    assert media_type(header).boundary == mark


@pytest.mark.parametrize(
    "parameters",
    ["", "charset=x", "boundary=", "boundary=é", "boundary=" + "b" * 71, 'boundary=""'],
)
def test_a_missing_or_broken_boundary_is_refused_with_400(parameters: str) -> None:
    with pytest.raises(RequestRefused, match="boundary") as refused:
        boundary(parameters)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Type: text/html", 415),
        (b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64", 415),
    ],
)
def test_a_part_that_is_no_image_is_refused_for_itself(head: bytes, status: int) -> None:
    media = MediaType("multipart/mixed", b"b")
    parsed = parse(built(b"b", [b"hi"], head), media, RequestLimits())
    (item,) = parsed.items
    assert not isinstance(item, Reference)
    with pytest.raises(RequestRefused) as refused:
        item.open(Limits())
    assert refused.value.status == status


def test_a_part_of_too_many_bytes_names_the_limit() -> None:
    media = MediaType("multipart/mixed", b"b")
    (item,) = parse(built(b"b", [bytes(11)]), media, RequestLimits()).items
    assert not isinstance(item, Reference)
    with pytest.raises(RequestRefused, match="11 bytes") as refused:
        item.open(Limits(bytes=10))
    assert (refused.value.status, refused.value.limit) == (413, 10)
