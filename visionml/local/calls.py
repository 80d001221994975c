"""The record of every call that a principal made: kept by the server, read by anybody.

The file has a line for each new row and for each doubling of a row's count, so it stays small
however long the server runs, and whole when the server is killed. It begins anew with the server,
as the world that it tells of does.
"""

import threading
from pathlib import Path

from pydantic import ValidationError

from visionml.contracts.calls import RecordedCall
from visionml.local import ministack
from visionml.local.state import Project

_Row = tuple[str, str, bool, bool, str]

_MOST_PLACES = 64
"""Of one principal and action; what comes after them is one row more."""
_ELSEWHERE = ""
_FOLDERS_OF_KEYS = 2


class Recorder:
    """Notes verdicts of IAM; from any thread."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("w", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()
        self._first: dict[_Row, str] = {}
        self._counts: dict[_Row, int] = {}
        self._places: dict[_Row, int] = {}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def note(self, verdict: ministack.Verdict) -> None:
        """Count a verdict."""
        with self._lock:
            row = self._row(verdict)
            count = self._counts[row] = self._counts.get(row, 0) + 1
            resource = self._first.setdefault(row, verdict.resource)
            if count & (count - 1) == 0:
                self._write(row, resource, count)

    def _row(self, verdict: ministack.Verdict) -> _Row:
        """Return the row of a verdict: objects below one folder share it."""
        asked = (verdict.principal, verdict.action, verdict.allowed, verdict.by_service)
        row: _Row = (*asked, _place(verdict.resource))
        if row not in self._counts:
            places: _Row = (*asked, _ELSEWHERE)
            if self._places.get(places, 0) >= _MOST_PLACES:
                return places
            self._places[places] = self._places.get(places, 0) + 1
        return row

    def _write(self, row: _Row, resource: str, count: int) -> None:
        principal, action, allowed, by_service, _place = row
        call = RecordedCall(
            principal=principal,
            action=action,
            resource=resource,
            allowed=allowed,
            by_service=by_service,
            count=count,
        )
        self._file.write(f"{call.model_dump_json()}\n")


def install(project: Project) -> None:
    """Record from now on."""
    ministack.on_verdict(Recorder(project.calls).note)


def read(project: Project) -> list[RecordedCall]:
    """Return what was recorded since the embedded AWS started, in the order of first calls."""
    latest: dict[tuple[object, ...], RecordedCall] = {}
    try:
        lines = project.calls.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    for line in lines:
        try:
            call = RecordedCall.model_validate_json(line)
        except ValidationError:  # the server is writing it
            continue
        latest[call.principal, call.action, call.resource, call.allowed, call.by_service] = call
    return list(latest.values())


def _place(resource: str) -> str:
    """Return what is told apart of a resource: of an object, the folders at the top of its key."""
    if not resource.startswith("arn:aws:s3:::") or "/" not in resource:
        return resource
    bucket, *folders, _name = resource.split("/")
    return "/".join([bucket, *folders[:_FOLDERS_OF_KEYS], "*"])
