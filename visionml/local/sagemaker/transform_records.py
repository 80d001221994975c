"""What Batch Transform does to data: splitting, mini-batches, filters, joining, assembling."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from visionml.local.sagemaker import json_path
from visionml.local.sagemaker.core import Document

MEGABYTE = 1024 * 1024
JSON_TYPES = ("application/json", "application/jsonlines", "application/x-jsonlines")
_OUTPUT, _INPUT = "SageMakerOutput", "SageMakerInput"


class BadRecord(Exception):
    """Data that cannot be transformed; the text is for the job's data log."""


@dataclass(frozen=True)
class MiniBatch:
    """What goes to the container in one request."""

    payload: bytes
    records: Sequence[bytes]
    """As they came, before the input filter."""


@dataclass(frozen=True)
class Processing:
    """``DataProcessing``: what the model sees of a record, and what is kept beside its answer."""

    select_input: Callable[[Any], Any]
    select_output: Callable[[Any], Any]
    join: bool
    filters_input: bool
    active: bool

    @classmethod
    def of(cls, request: Document) -> "Processing":
        """Read a request.

        Raises
        ------
        json_path.BadPath
            A filter is no JSONPath.
        """
        given = request.get("DataProcessing", {})
        before, after = given.get("InputFilter", "$"), given.get("OutputFilter", "$")
        join = given.get("JoinSource", "None") == "Input"
        return cls(
            json_path.compiled(before),
            json_path.compiled(after),
            join,
            before != "$",
            join or before != "$" or after != "$",
        )

    def filtered(self, record: bytes) -> bytes:
        """Return what the container gets of a record."""
        if not self.filters_input:
            return record
        return _dumped(_selected(self.select_input, _parsed(record, "input record")))

    def answered(self, records: Sequence[bytes], answer: bytes, *, lines: bool) -> list[bytes]:
        """Return what is kept of an answer to records, one entry each.

        Raises
        ------
        BadRecord
            The answer is not JSON, or has another number of records than were asked.
        """
        answers = _lines(answer) if lines and len(records) != 1 else [answer]
        if len(answers) != len(records):
            raise BadRecord(
                f"The algorithm answered {len(answers)} records where {len(records)} were sent"
            )
        pairs = zip(records, answers, strict=True)
        return [self._kept(record, text) for record, text in pairs]

    def _kept(self, record: bytes, answer: bytes) -> bytes:
        said = _parsed(answer, "output from the algorithm")
        if self.join:
            source = _parsed(record, "input record")
            joined = source if isinstance(source, dict) else {_INPUT: source}
            said = {**joined, _OUTPUT: said}
        return _dumped(_selected(self.select_output, said))


def records_of(content: bytes, *, lines: bool) -> list[bytes]:
    """Return an object's records: its lines without their ends, or all of it."""
    return _lines(content) if lines else [content]


def mini_batches(
    records: Sequence[bytes], processing: Processing, *, several: bool, limit_bytes: int
) -> Iterator[MiniBatch]:
    """Yield requests of at most `limit_bytes` (0: any), of one record or as many as fit.

    Raises
    ------
    BadRecord
        One record alone is larger.
    """
    payload, taken = b"", list[bytes]()
    for record in records:
        sent = processing.filtered(record)
        if limit_bytes and len(sent) > limit_bytes:
            raise BadRecord(
                f"ClientError: Record of {len(sent)} bytes is larger than MaxPayloadInMB"
            )
        fits = several and (not limit_bytes or len(payload) + 1 + len(sent) <= limit_bytes)
        if taken and not fits:
            yield MiniBatch(payload, taken)
            payload, taken = b"", []
        payload = payload + b"\n" + sent if taken else sent
        taken.append(record)
    if taken:
        yield MiniBatch(payload, taken)


def assembled(answers: Sequence[bytes], *, lines: bool) -> bytes:
    """Return an output object: answers one after another, each on lines of its own or not."""
    if not lines:
        return b"".join(answers)
    return b"".join(answer if answer.endswith(b"\n") else answer + b"\n" for answer in answers)


def _lines(content: bytes) -> list[bytes]:
    lines = (line.removesuffix(b"\r") for line in content.split(b"\n"))
    return [line for line in lines if line.strip()]


def _parsed(text: bytes, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise BadRecord(f"Failed to parse {what} as JSON") from None


def _selected(select: Callable[[Any], Any], document: Any) -> Any:
    try:
        return select(document)
    except json_path.Absent as absent:
        raise BadRecord(f"ClientError: The filter selects {absent}, which is not there") from None


def _dumped(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
