"""Messages between two processes over pipes: a JSON header and bytes, nothing that runs."""

import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

from visionml.errors import InvalidInput

_SIZES = struct.Struct(">IQ")
LARGEST_HEADER = 1024**2
LARGEST_BODY = 1024**3


def send(stream: BinaryIO, header: Mapping[str, Any], body: bytes = b"") -> None:
    """Write one message."""
    text = json.dumps(header).encode()
    stream.write(_SIZES.pack(len(text), len(body)) + text)
    stream.write(body)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read one message; None where the stream ends before it.

    Raises
    ------
    EOFError
        The stream ends within a message.
    InvalidInput
        What was read is no message.
    """
    sizes = stream.read(_SIZES.size)
    if not sizes:
        return None
    if len(sizes) < _SIZES.size:
        raise EOFError
    header_size, body_size = _SIZES.unpack(sizes)
    if header_size > LARGEST_HEADER or body_size > LARGEST_BODY:
        raise InvalidInput(f"A message announces {header_size} and {body_size} bytes.")
    text = _exactly(stream, header_size)
    try:
        header = json.loads(text)
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise InvalidInput("A message's header is not a JSON object.")
    return header, _exactly(stream, body_size)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content
