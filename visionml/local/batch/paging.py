"""Pages of Batch's lists."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from visionml.local.batch.faults import invalid
from visionml.local.sagemaker.core import Document

_PAGE = 100
T = TypeVar("T")


def page(
    member: str, things: Sequence[T], request: Document, described: Callable[[T], Any]
) -> Document:
    """Return one page of descriptions, and the token of the next one."""
    start, size = _offset(request.get("nextToken")), request.get("maxResults", _PAGE)
    answer: Document = {member: [described(each) for each in things[start : start + size]]}
    if start + size < len(things):
        answer["nextToken"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return answer


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error):
        raise invalid("nextToken is not valid") from None
