"""Whatever bytes come from outside, a parser gives a value or the error that it promises."""

import base64
import io
import json
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fakes import pictures
from tests.fakes.pictures import encoded
from visionml.aws.s3 import parse_uri
from visionml.contracts import frames
from visionml.contracts.inference import InferenceRequest, unpacked
from visionml.dataset.manifest import parse_manifest
from visionml.errors import DatasetInvalid, ImageRefused, InvalidInput, RequestRefused
from visionml.imaging.clean import Cleaned, cleaned
from visionml.imaging.header import ImageFacts
from visionml.imaging.inspect import admit
from visionml.imaging.sniff import described, hidden_kind, kind_of
from visionml.intake.messages import upload_of
from visionml.intake.pseudonyms import Pseudonyms
from visionml.intake.questions import PARAMETERS, Question, question_of
from visionml.serving import consuming, multipart
from visionml.serving.limits import RequestLimits
from visionml.serving.options import Options
from visionml.serving.payload import Payload
from visionml.serving.payload import request_of as payload_of
from visionml.serving.requests import Parsed, media_type, parse

LIMITS = RequestLimits(batch=4)
Result = TypeVar("Result")
REFUSALS = {400, 413, 415, 422}
PSEUDONYMS = Pseudonyms(lambda: "secret")
PICTURES = [
    encoded(pictures.photo().crop((0, 0, 40, 30)), kind) for kind in ("JPEG", "PNG", "WEBP")
]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
WORDS = st.sampled_from(
    ["image", "s3", "s3://bucket/key", "boundary=", '"', ";", "\r\n", "--", "/", "multipart/", "="]
)
BASE64 = st.binary(max_size=60).map(lambda raw: base64.b64encode(raw).decode())
HEADERS = st.lists(WORDS | st.text(max_size=12), max_size=8).map("".join)


@st.composite
def spoilt(draw: st.DrawFn, sources: list[bytes]) -> bytes:
    """Return one of the sources with bytes changed, cut out or put in."""
    content = bytearray(draw(st.sampled_from(sources)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        length = draw(st.integers(0, 16))
        content[at : at + length] = draw(st.binary(max_size=16))
    return bytes(content)


def _tried(call: Callable[[], Result], *errors: type[Exception]) -> Result | Exception:
    """Return what a call gives, or the error when it is one of these."""
    try:
        return call()
    except errors as refused:
        return refused


def _parsed(body: bytes, header: str) -> Parsed:
    return parse(body, media_type(header), LIMITS)


def _refused(found: object) -> bool:
    """Tell whether it is a refusal, which then has a status and says why."""
    if not isinstance(found, RequestRefused):
        return False
    assert found.status in REFUSALS
    assert found.message
    return True


@given(HEADERS, st.binary(max_size=400) | spoilt([b'{"image": "aGk="}', b'[{"s3": "s3://b/k"}]']))
@example("application/json", b"[" * 100_000)
@example("multipart/form-data; boundary=x", b"--x\r\n\r\n--x--")
def test_a_request_to_the_container_is_parsed_or_refused(header: str, body: bytes) -> None:
    for kind in (header, "application/json", "multipart/form-data; boundary=x"):
        found = _tried(partial(_parsed, body, kind), RequestRefused)
        assert _refused(found) or isinstance(found, Parsed)


@given(spoilt([multipart.join(PICTURES[:2])[0], multipart.join([b"x"])[0]]), st.binary(max_size=8))
def test_a_multipart_body_is_split_or_refused(body: bytes, mark: bytes) -> None:
    own = multipart.boundary(multipart.join([b"x"])[1].partition(";")[2])
    for each in (own, mark or b"x"):
        found = _tried(partial(multipart.split, body, each, most=4), RequestRefused)
        assert _refused(found) or (isinstance(found, list) and 1 <= len(found) <= 4)


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()), HEADERS)
def test_a_request_to_the_api_is_parsed_or_refused(body: bytes, header: str) -> None:
    for kind in (header, "application/json", "image/png"):
        found = _tried(partial(payload_of, body, kind, limit=200), RequestRefused)
        assert _refused(found) or isinstance(found, Payload | str)


@given(st.text(max_size=200) | HEADERS)
def test_custom_attributes_are_read_or_refused(attributes: str) -> None:
    found = _tried(lambda: Options().asked(attributes), RequestRefused)
    assert _refused(found) or isinstance(found, Options)


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 100_000)
@example(b'{"prediction_id": 1e999}')
def test_a_record_of_the_stream_is_a_request_or_malformed(data: bytes) -> None:
    found = _tried(lambda: consuming.request_of(data), consuming.Malformed)
    assert isinstance(found, consuming.Malformed | InferenceRequest)


@given(st.dictionaries(st.sampled_from([*PARAMETERS, "other"]), st.text(max_size=60), max_size=4))
@example({"next": base64.urlsafe_b64encode(b"[1, 2, 3]").decode()})
@example({"next": "\u0660"})
@example({"from": "9999-12-31", "to": "0001-01-01T00:00:00+23:59"})
def test_a_question_about_images_is_understood_or_refused(asked: dict[str, str]) -> None:
    found = _tried(lambda: question_of(asked, pseudonyms=PSEUDONYMS), RequestRefused)
    assert _refused(found) or isinstance(found, Question)


@given(st.text(max_size=300) | JSON.map(json.dumps))
def test_a_message_of_an_upload_is_understood_or_refused(body: str) -> None:
    with pytest.raises(InvalidInput):
        upload_of(body, bucket="images")


@given(st.text(max_size=300) | st.lists(JSON.map(json.dumps), max_size=4).map("\n".join))
def test_a_manifest_is_read_or_refused(text: str) -> None:
    found = _tried(lambda: parse_manifest(text, where="manifest"), DatasetInvalid)
    assert isinstance(found, list | DatasetInvalid)


@given(st.text(max_size=100) | BASE64)
@example("QQ==")
def test_an_embedding_is_read_or_refused(text: str) -> None:
    found = _tried(lambda: unpacked(text), ValueError)
    assert isinstance(found, tuple | ValueError)


@given(st.text(max_size=100))
def test_an_address_is_read_or_refused(address: str) -> None:
    found = _tried(lambda: parse_uri(address), InvalidInput)
    assert isinstance(found, InvalidInput) or found.bucket  # type: ignore[union-attr]


@given(st.binary(max_size=200))
def test_a_message_between_processes_is_read_or_refused(content: bytes) -> None:
    found = _tried(lambda: frames.receive(io.BytesIO(content)), InvalidInput, EOFError)
    assert found is None or isinstance(found, tuple | InvalidInput | EOFError)


@settings(max_examples=60)
@given(st.binary(max_size=200) | spoilt(PICTURES))
def test_a_picture_is_admitted_or_refused(content: bytes) -> None:
    assert isinstance(described(kind_of(content)), str)
    hidden_kind(content)
    found = _tried(lambda: cleaned(content), ImageRefused)
    assert isinstance(found, ImageRefused | Cleaned)
    facts = _tried(lambda: admit(content), ImageRefused)
    assert isinstance(facts, ImageRefused | ImageFacts)
