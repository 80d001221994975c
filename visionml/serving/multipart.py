"""Several images in one body: ``multipart/form-data`` as forms send it, and ``multipart/mixed``.

Both have the same structure, RFC 2046 section 5.1; names and file names play no part.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from visionml.errors import RequestRefused

MULTIPART_TYPES = frozenset({"multipart/form-data", "multipart/mixed"})
_HEAD_LIMIT = 8192
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_PLAIN_ENCODINGS = frozenset({"", "binary", "8bit", "7bit"})


@dataclass(frozen=True)
class Part:
    """One part, which its body still holds: no byte is copied."""

    content: memoryview
    content_type: str
    """As its header says; empty where there is none."""
    encoding: str
    """Its transfer encoding, such as ``base64``; empty for the usual one."""

    @property
    def plain(self) -> bool:
        """Whether its bytes stand there as they are."""
        return self.encoding in _PLAIN_ENCODINGS


def boundary(parameters: str) -> bytes:
    """Return the boundary among a Content-Type's parameters.

    Raises
    ------
    RequestRefused
        400: there is none, or none that RFC 2046 allows.
    """
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "boundary":
            found = value.strip()
            if len(found) > 1 and found[0] == found[-1] == '"':
                found = found[1:-1]
            if _BOUNDARY.fullmatch(found):
                return found.encode("ascii")
    raise _broken("The content type names no boundary of 1 to 70 characters.")


def split(body: bytes, mark: bytes, *, most: int) -> list[Part]:
    """Return the parts of `body` between its boundaries `mark`, in their order.

    Raises
    ------
    RequestRefused
        400: the body is cut off, or is not built this way; 413: there are more than `most` parts.
    """
    line = b"\r\n--" + mark
    view, parts = memoryview(body), list[Part]()
    # the first boundary may stand at the very beginning, without an end of line before it
    at = 0 if body.startswith(line[2:]) else _found(body, line, 0) + 2
    at += len(line) - 2
    while not body.startswith(b"--", at):
        if len(parts) == most:
            raise RequestRefused(
                f"The request has more than {most} images.",
                code="too_many_images",
                status=413,
                limit=most,
                hint="Send several requests.",
            )
        start = body.find(b"\r\n", at)
        if start < 0 or body[at:start].strip(b" \t"):
            raise _broken("A boundary does not end its line.")
        end = _found(body, line, start)
        parts.append(_part(body, view, start, end))
        at = end + len(line)
    if not parts:
        raise _broken("The body has no parts.")
    return parts


def join(images: Sequence[bytes]) -> tuple[bytes, str]:
    """Return a body with several images, whose types are left open, and its content type."""
    mark = uuid.uuid4().hex  # what no image holds but by a chance of 1 in 2**122
    start, end = f"--{mark}\r\n\r\n".encode(), f"--{mark}--\r\n".encode()
    body = b"".join([*(piece for image in images for piece in (start, image, b"\r\n")), end])
    return body, f"multipart/mixed; boundary={mark}"


def _part(body: bytes, view: memoryview, start: int, end: int) -> Part:
    """Return the part whose headers begin after the end of line at `start`."""
    if body.startswith(b"\r\n\r\n", start):
        head, content = b"", start + 4
    else:
        stop = body.find(b"\r\n\r\n", start, min(end, start + _HEAD_LIMIT))
        if stop < 0:
            raise _broken("A part has no empty line after its headers.")
        head, content = body[start + 2 : stop], stop + 4
    headers: dict[str, str] = {}
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Part(
        content=view[min(content, end) : end],
        content_type=headers.get("content-type", ""),
        encoding=headers.get("content-transfer-encoding", "").lower(),
    )


def _found(body: bytes, line: bytes, start: int) -> int:
    at = body.find(line, start)
    if at < 0:
        raise _broken("The body ends before its last boundary, or has none.")
    return at


def _broken(message: str) -> RequestRefused:
    return RequestRefused(
        message,
        code="invalid_multipart",
        status=400,
        hint="Let your HTTP library build the body and the content type together.",
    )
