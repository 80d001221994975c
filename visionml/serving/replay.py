"""Records of a stream sent again: those that have not ended well, and no others."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, NamedTuple

from pydantic import ValidationError

from visionml.aws.stream import Found
from visionml.contracts.inference import InferenceEvent
from visionml.serving.consuming import Malformed, fingerprint, request_of
from visionml.serving.predictions import Predictions
from visionml.serving.truths import Truths

AT_ONCE = 100
"""How many records are looked at before they are sent."""

Fate = Literal["new", "again", "skipped", "failed"]
Judge = Callable[[Found], "Judged"]


class Judged(NamedTuple):
    """What is to be done with a record."""

    fate: Fate
    """``new``: it has not ended; ``again``: it has failed; ``skipped``: it ended well or is sent
    already; ``failed``: it cannot be sent again."""
    subject: str
    """The prediction's id, or the record's position."""
    reason: str = ""


@dataclass
class Replayed:
    """How many records there were of each fate."""

    new: int = 0
    again: int = 0
    skipped: int = 0
    failed: int = 0
    reasons: dict[str, str] = field(default_factory=dict)
    """Why those failed that did, by their positions."""

    @property
    def read(self) -> int:
        """All records that were looked at."""
        return self.new + self.again + self.skipped + self.failed

    @property
    def sent(self) -> int:
        """Those that were sent again, or would be."""
        return self.new + self.again

    def count(self, found: Found, judged: Judged) -> None:
        """Take one record's fate."""
        setattr(self, judged.fate, getattr(self, judged.fate) + 1)
        if judged.fate == "failed":
            self.reasons[f"{found.shard}:{found.sequence}"] = judged.reason


def of_requests(predictions: Predictions) -> Judge:
    """Return what judges records of the requests stream by the state of their predictions."""

    def judge(found: Found) -> Judged:
        position = f"{found.shard}:{found.sequence}"
        try:
            request = request_of(found.data)
        except Malformed as error:
            return Judged("failed", position, str(error))
        kept = predictions.find(request.prediction_id)
        if kept is None or kept.state.status == "pending":
            return Judged("new", request.prediction_id)
        if kept.request and kept.request != fingerprint(request):
            return Judged("failed", position, "Another request was settled under this id.")
        if kept.state.status == "failed":
            return Judged("again", request.prediction_id)
        untold = kept.event is not None
        return Judged("new" if untold else "skipped", request.prediction_id)

    return judge


def of_events(truths: Truths) -> Judge:
    """Return what judges records of the events stream by whether their answers are kept."""

    def judge(found: Found) -> Judged:
        try:
            event = InferenceEvent.model_validate_json(found.data)
        except ValidationError:
            return Judged("failed", found.sequence, "The record is no inference event.")
        known = truths.knows(event.prediction_id)
        return Judged("skipped" if known else "new", event.prediction_id)

    return judge


def replay(
    records: Iterable[Found],
    *,
    judge: Judge,
    send: Callable[[Sequence[Found]], None],
    reopen: Callable[[str], bool] = lambda _: True,
    dry_run: bool = False,
) -> Replayed:
    """Send records again that have not ended well, each of one subject once.

    Broken off, it is called again: what was sent meanwhile has ended, or ends once in any case.
    """
    told, seen = Replayed(), set[str]()
    rest = iter(records)
    while together := list(islice(rest, AT_ONCE)):
        chosen: list[Found] = []
        for found, judged in _judged(together, judge, seen):
            told.count(found, judged)
            if judged.fate in {"new", "again"}:
                chosen.append(found)
                if judged.fate == "again" and not dry_run:
                    reopen(judged.subject)
        if chosen and not dry_run:
            send(chosen)
    return told


def _judged(
    records: Sequence[Found], judge: Judge, seen: set[str]
) -> Iterator[tuple[Found, Judged]]:
    for found in records:
        judged = judge(found)
        if judged.subject in seen and judged.fate != "failed":
            judged = judged._replace(fate="skipped")
        seen.add(judged.subject)
        yield found, judged
