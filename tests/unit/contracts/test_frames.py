"""Messages between two processes: whole, in turn, or refused."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionml.contracts import frames
from visionml.errors import InvalidInput

_HEADERS = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text())


@given(st.lists(st.tuples(_HEADERS, st.binary()), max_size=3))
def test_messages_are_read_as_they_were_written(
    messages: list[tuple[dict[str, object], bytes]],
) -> None:
    stream = io.BytesIO()
    for header, body in messages:
        frames.send(stream, header, body)
    stream.seek(0)
    read = [frames.receive(stream) for _ in messages]
    assert read == messages
    assert frames.receive(stream) is None


@given(st.integers(min_value=1))
def test_a_message_that_is_cut_off_is_none(cut: int) -> None:
    stream = io.BytesIO()
    frames.send(stream, {"ask": "labels"}, b"picture")
    whole = stream.getvalue()
    with pytest.raises(EOFError):
        frames.receive(io.BytesIO(whole[: -(cut % (len(whole) - 1) or 1)]))


@pytest.mark.parametrize(
    "content",
    [
        b"\xff" * 12,  # sizes beyond all limits
        b"\0\0\0\2" + bytes(8) + b"[]",
        b"\0\0\0\2" + bytes(8) + b"{x",
        b"\0\0\0\2" + bytes(8) + b"\xff\xfe",
    ],
)
def test_what_is_no_message_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        frames.receive(io.BytesIO(content))
