"""The answers of one model version and variant in one period, as arrays."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.inference import PIXEL_STATISTICS, InferenceEvent, unpacked
from visionml.contracts.monitoring import WindowFacts

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far ahead an event's time may be."""


@dataclass(frozen=True)
class Left:
    """What was left out of a window, and how often."""

    repeated: int = 0
    unreadable: int = 0
    ahead: int = 0
    outside: int = 0


@dataclass(frozen=True)
class Window:
    """`n` answers of one model; row i of every array is answer i."""

    classes: tuple[str, ...]
    names: tuple[str, ...]
    """Of the columns of `statistics`."""
    statistics: Floats
    """(n, statistics); NaN where nobody measured, infinite for what is no finite number."""
    embeddings: Floats | None
    """(n, features), rows of NaN where the model gave none; None if it never does."""
    probabilities: Floats
    """(n, classes)."""
    labels: Numbers
    """(n,): the predicted class's place in `classes`."""
    latency_ms: Floats
    """(n,)."""
    times: NDArray[np.float64]
    """(n,): seconds since 1970 in UTC; NaN where unknown, as for images of a dataset."""
    truths: Numbers | None = None
    """(n,): the true class's place, -1 where unknown; None where nobody knows any."""
    left: Left = field(default_factory=Left)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[Any] | slice) -> "Window":
        """Return the answers of these rows, in their order, repeated where a row is."""
        return replace(
            self,
            statistics=self.statistics[rows],
            embeddings=None if self.embeddings is None else self.embeddings[rows],
            probabilities=self.probabilities[rows],
            labels=self.labels[rows],
            latency_ms=self.latency_ms[rows],
            times=self.times[rows],
            truths=None if self.truths is None else self.truths[rows],
        )

    def facts(self) -> WindowFacts:
        """Return what the window holds and lacks."""
        known = self.times[np.isfinite(self.times)]
        latency = self.latency_ms[np.isfinite(self.latency_ms)]
        p50, p99 = np.percentile(latency, (50, 99)).tolist() if len(latency) else (None, None)
        absent, strange = _gaps(self)
        return WindowFacts(
            begin=_moment(known.min()) if len(known) else None,
            end=_moment(known.max()) if len(known) else None,
            samples=len(self),
            **vars(self.left),
            absent=absent,
            not_finite=strange,
            latency_p50_ms=p50,
            latency_p99_ms=p99,
        )


def from_arrays(
    *,
    classes: Sequence[str],
    probabilities: NDArray[Any],
    statistics: NDArray[Any] | None = None,
    embeddings: NDArray[Any] | None = None,
    names: Sequence[str] = PIXEL_STATISTICS,
    truths: NDArray[Any] | None = None,
) -> Window:
    """Return a window of what a model made of images, such as those of a dataset's split."""
    n = len(probabilities)
    if statistics is None:
        statistics = np.full((n, len(names)), np.nan)
    shares = np.asarray(probabilities, np.float32).reshape(n, len(classes))
    return Window(
        classes=tuple(classes),
        names=tuple(names),
        statistics=np.asarray(statistics, np.float32).reshape(n, len(names)),
        embeddings=None if embeddings is None else np.asarray(embeddings, np.float32),
        probabilities=shares,
        labels=_best(shares),
        latency_ms=np.full(n, np.nan, np.float32),
        times=np.full(n, np.nan),
        truths=None if truths is None else np.asarray(truths, np.int64),
    )


def from_events(
    events: Iterable[InferenceEvent | Mapping[str, Any]],
    *,
    classes: Sequence[str],
    model_version: str,
    names: Sequence[str] = PIXEL_STATISTICS,
    begin: datetime | None = None,
    end: datetime | None = None,
    now: datetime | None = None,
) -> Window:
    """Return the window of `events`, records or the rows of their table, from `begin` to `end`.

    Nothing is refused: events that cannot be read, are repeated or of another time are counted and
    left out; values that are absent, NaN or infinite are kept as such, and counted by `facts`.
    """
    latest = (now or datetime.now(UTC)) + CLOCKS_DIFFER
    period = (begin.timestamp() if begin else -math.inf, end.timestamp() if end else math.inf)
    reader = _Reader(
        tuple(classes), tuple(names), model_version, period=period, latest=latest.timestamp()
    )
    for event in events:
        reader.read(event.model_dump() if isinstance(event, InferenceEvent) else event)
    return reader.window()


class _Reader:
    """Collects events; ``left`` counts what is left out."""

    def __init__(
        self,
        classes: tuple[str, ...],
        names: tuple[str, ...],
        model_version: str,
        *,
        period: tuple[float, float],
        latest: float,
    ) -> None:
        self.classes, self.names, self.version = classes, names, model_version
        self.begin, self.end = period
        self.latest = latest
        self.places = {name: place for place, name in enumerate(classes)}
        self.left: Counter[str] = Counter()
        self.seen: set[str] = set()
        self.rows: list[tuple[list[float], list[float], int, float, float]] = []
        self.embeddings: list[tuple[float, ...]] = []

    def read(self, event: Mapping[str, Any]) -> None:
        """Take an event, or count why not."""
        try:
            found = self._row(event)
        except (KeyError, TypeError, ValueError, AttributeError):
            self.left["unreadable"] += 1
            return
        at, key = found[4], str(event["prediction_id"])
        if at > self.latest:
            self.left["ahead"] += 1
        elif not self.begin <= at < self.end:
            self.left["outside"] += 1
        elif key in self.seen:
            self.left["repeated"] += 1
        else:
            self.seen.add(key)
            self.rows.append(found)
            self.embeddings.append(_embedding(event.get("embedding")))

    def _row(self, event: Mapping[str, Any]) -> tuple[list[float], list[float], int, float, float]:
        if event["model_version"] != self.version:
            raise ValueError("Another model's.")
        time = event["time"]
        moment = time if isinstance(time, datetime) else datetime.fromisoformat(str(time))
        shares = dict(event["probabilities"])
        rest = len(self.classes) - len(shares)
        spare = max(0.0, 1 - sum(shares.values())) / rest if rest > 0 else 0.0
        measured = event.get("statistics") or {}
        return (
            [_number(measured.get(name)) for name in self.names],
            [_number(shares.get(name, spare)) for name in self.classes],
            self.places[event["label"]],
            _number(event.get("latency_ms")),
            (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(),
        )

    def window(self) -> Window:
        """Return what was read."""
        n = len(self.rows)
        columns = tuple(zip(*self.rows, strict=True)) or ((), (), (), (), ())
        return Window(
            classes=self.classes,
            names=self.names,
            statistics=np.array(columns[0], np.float32).reshape(n, len(self.names)),
            embeddings=_stacked(self.embeddings),
            probabilities=np.array(columns[1], np.float32).reshape(n, len(self.classes)),
            labels=np.array(columns[2], np.int64),
            latency_ms=np.array(columns[3], np.float32),
            times=np.array(columns[4], np.float64),
            left=Left(**self.left),
        )


def _number(value: object) -> float:
    """Return a number that 32-bit floats hold: NaN for none at all, infinite for what is NaN."""
    if not isinstance(value, int | float):
        return math.nan
    return float(value) if abs(value) < 3e38 else math.copysign(math.inf, value)


def _embedding(text: object) -> tuple[float, ...]:
    if not isinstance(text, str):
        return ()
    try:
        return unpacked(text)
    except ValueError:
        return ()


def _stacked(rows: list[tuple[float, ...]]) -> Floats | None:
    """Return the embeddings, of the usual length; others and absent ones are rows of NaN."""
    lengths = Counter(len(row) for row in rows if row)
    if not lengths:
        return None
    ((width, _),) = lengths.most_common(1)
    stacked = np.full((len(rows), width), np.nan, np.float32)
    for place, row in enumerate(rows):
        if len(row) == width:
            stacked[place] = row
    return stacked


def _best(shares: Floats) -> Numbers:
    result: Numbers = np.where(np.isfinite(shares), shares, -np.inf).argmax(axis=1)
    return result


def _gaps(window: Window) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many values are absent and how many are no finite numbers, by name."""
    parts = (window.statistics, window.embeddings, window.probabilities)
    if all(part is None or np.isfinite(part.sum()) for part in parts):
        return {}, {}
    absent = np.isnan(window.statistics).sum(axis=0)
    strange = np.isinf(window.statistics).sum(axis=0)
    gaps = dict(zip(window.names, absent.tolist(), strict=True))
    bad = dict(zip(window.names, strange.tolist(), strict=True))
    if window.embeddings is not None:
        gaps["embedding"] = int(np.isnan(window.embeddings).any(axis=1).sum())
        bad["embedding"] = int(np.isinf(window.embeddings).any(axis=1).sum())
    bad["probabilities"] = int((~np.isfinite(window.probabilities)).any(axis=1).sum())
    return {k: v for k, v in gaps.items() if v}, {k: v for k, v in bad.items() if v}


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
