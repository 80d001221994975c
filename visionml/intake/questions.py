"""``GET /images``: from its parameters to a query of one index, and from page to page."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from visionml.contracts.detector import FOLDERS
from visionml.contracts.images import (
    HASH_INDEX,
    LABEL_INDEX,
    LARGEST_PAGE,
    PAGE_IMAGES,
    STATUS_INDEX,
    USER_CHARACTERS,
    USER_INDEX,
    ProcessingStatus,
)
from visionml.errors import RequestRefused
from visionml.intake.moments import moment_text
from visionml.intake.pseudonyms import Pseudonyms

_STATUSES = tuple(status.value for status in ProcessingStatus)
_FILTERS = {
    "sha256": (HASH_INDEX, "UploadHash"),
    "user": (USER_INDEX, "UserID"),
    "label": (LABEL_INDEX, "DetectedAnimal"),
    "status": (STATUS_INDEX, "ProcessingStatus"),
}
"""By parameter: the index and its attribute; the most selective one first."""
PARAMETERS = (*_FILTERS, "from", "to", "limit", "next")
_EARLIEST, _LATEST = "0", "9"
_IMAGE_ID = re.compile(r"[0-9a-f]{32}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


class Question(NamedTuple):
    """Which images are asked for: the arguments of ``Table.page``."""

    index_name: str
    partition: tuple[str, str]
    between: tuple[str, str]
    also: dict[str, str]
    limit: int
    after: tuple[str, str] | None

    def next(self, after: tuple[str, str]) -> str:
        """Return the token with which the same question goes on behind an image."""
        content = json.dumps([*after, self._digest()]).encode()
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    def going_on(self, token: str) -> "Question":
        """Return the question that goes on where a page ended.

        Raises
        ------
        RequestRefused
            400: the token is none, or belongs to another question.
        """
        try:
            content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            image_id, time, digest = json.loads(content)
            good = bool(_IMAGE_ID.fullmatch(image_id) and _TIME.fullmatch(time))
        except (binascii.Error, ValueError, TypeError):
            good, digest = False, ""
        if not good or digest != self._digest():
            raise _bad(
                "next",
                "is not what the page before was answered with",
                "Send the same parameters as for that page, and its next.",
            )
        return self._replace(after=(image_id, time))

    def _digest(self) -> str:
        asked = json.dumps([self.partition, self.between, sorted(self.also.items())])
        return hashlib.sha256(asked.encode()).hexdigest()[:16]


def question_of(given: Mapping[str, str], *, pseudonyms: Pseudonyms) -> Question:
    """Return what the parameters of ``GET /images`` ask for.

    Raises
    ------
    RequestRefused
        400: a parameter is unknown or wrong.
    """
    for name in sorted(given.keys() - set(PARAMETERS)):
        raise _bad(name[:50], "is unknown", f"Use {', '.join(PARAMETERS)}.")
    checks: dict[str, Callable[[str], str]] = {
        "sha256": _sha256,
        "user": lambda user: _user(user, pseudonyms),
        "label": lambda label: _one_of("label", label, tuple(FOLDERS)),
        "status": lambda status: _one_of("status", status, _STATUSES),
    }
    asked = {name: check(given[name]) for name, check in checks.items() if name in given}
    asked = asked or {"status": ProcessingStatus.ORGANISED.value}
    (first, value), *others = asked.items()
    index, attribute = _FILTERS[first]
    question = Question(
        index_name=index,
        partition=(attribute, value),
        between=_between(given.get("from"), given.get("to")),
        also={_FILTERS[name][1]: other for name, other in others},
        limit=_limit(given.get("limit", str(PAGE_IMAGES))),
        after=None,
    )
    return question.going_on(given["next"]) if "next" in given else question


def _sha256(text: str) -> str:
    lowered = text.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", lowered):
        raise _bad("sha256", "is no SHA-256 in hexadecimal", "Hash the file as it was sent.")
    return lowered


def _user(text: str, pseudonyms: Pseudonyms) -> str:
    if len(text) > USER_CHARACTERS or not (found := pseudonyms.of(text)):
        raise _bad("user", "names nobody", f"Send 1 to {USER_CHARACTERS} characters.")
    return found


def _one_of(name: str, text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise _bad(name, "has a value that there is none of", f"Use one of {', '.join(choices)}.")
    return text


def _limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= LARGEST_PAGE:
        raise _bad("limit", "is no number of images", f"Send 1 to {LARGEST_PAGE}.")
    return int(text)


def _between(start: str | None, end: str | None) -> tuple[str, str]:
    first = moment_text(_moment("from", start)[0]) if start is not None else _EARLIEST
    last = moment_text(_moment("to", end)[1]) if end is not None else _LATEST
    if first > last:
        raise _bad("from", "lies behind the parameter to", "Send the earlier time as from.")
    return first, last


def _moment(name: str, text: str) -> tuple[datetime, datetime]:
    """Return the first and the last second of a time; that of a day is a whole day."""
    try:
        # a plus sign that was not percent-encoded arrives as a space
        found = datetime.fromisoformat(text.strip().replace(" ", "+"))
        found = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
        day = timedelta(days=1, seconds=-1) if len(text.strip()) <= len("2026-11-20") else None
        return found, found + day if day else found
    except (ValueError, OverflowError):
        raise _bad(
            name, "is no time", "Send ISO 8601, such as 2026-11-20 or 2026-11-20T10:15:00Z."
        ) from None


def _bad(name: str, fault: str, hint: str) -> RequestRefused:
    return RequestRefused(
        f"The parameter {name} {fault}.", code="invalid_parameter", status=400, hint=hint
    )
