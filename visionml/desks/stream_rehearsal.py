"""Good and bad records put into the stream of requests, and how each of them ended."""

import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

from visionml.contracts.inference import InferenceRequest
from visionml.contracts.layout import INFERENCE_UPLOADS
from visionml.desks.datasets import Sample
from visionml.desks.platform import Platform
from visionml.errors import InvalidInput
from visionml.serving.failures import Failures
from visionml.serving.uploads import Uploaded

if TYPE_CHECKING:
    from visionml.desks.streams import OnProgress, Streams

_TWENTY = (
    *["image"] * 15,
    "no image there",
    "a text instead of an image",
    "no JSON",
    "no request",
    "another request under a known id",
)
"""What of every twenty inputs is what; of the images each fifth is asked for twice."""
_TWICE = 5
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Input:
    """One record that was put into the stream, and what is asked for by it."""

    kind: str
    prediction_id: str
    content: bytes
    own: bool = True
    """Whether the state of its prediction is its own; else its position tells of it."""


@dataclass(frozen=True)
class Rehearsal:
    """How the inputs ended."""

    inputs: pd.DataFrame
    """One row each: ``kind``, ``prediction``, ``ended`` (result, failure or lost), ``reason``."""
    sent_twice: int
    duplicates: int
    """Events of one prediction beyond the first."""
    seconds: float

    @property
    def figures(self) -> dict[str, int]:
        """The counts that a run of the notebooks records."""
        ended = self.inputs["ended"].value_counts()
        return {
            "inputs": len(self.inputs),
            "results": int(ended.get("result", 0)),
            "recorded_failures": int(ended.get("failure", 0)),
            "lost": int(ended.get("lost", 0)),
            "duplicates": self.duplicates,
        }

    def of(self, kind: str) -> list[str]:
        """Return the ids of the predictions that inputs of a kind asked for."""
        return list(self.inputs.loc[self.inputs["kind"] == kind, "prediction"])

    @property
    def table(self) -> pd.DataFrame:
        """How many inputs of each kind ended how."""
        counts = self.inputs.groupby(["kind", "ended", "reason"]).size()
        return counts.rename("inputs").reset_index()


def rehearse(
    streams: "Streams",
    platform: Platform,
    samples: Sequence[Sample],
    *,
    inputs: int,
    patience_seconds: float,
    on_progress: "OnProgress",
    sleep: Callable[[float], None] = time.sleep,
) -> Rehearsal:
    """Put records, a quarter of them bad, and wait until all have ended or patience has."""
    if not samples or inputs < len(_TWENTY):
        raise InvalidInput(
            f"{len(samples)} images and {inputs} inputs are too few.",
            hint=f"Give an image at least, and ask for {len(_TWENTY)} inputs or more.",
        )
    began = datetime.now(UTC)
    uploaded = Uploaded(platform.objects, platform.bucket("raw"))
    made = _inputs(samples, uploaded, inputs)
    for each in made:
        if each.own:
            streams.predictions.accept(each.prediction_id)
    again = [each for each in made if each.kind == "image"][::_TWICE]
    # those that come after a prediction is settled are put last, as they would arrive
    late = [each for each in made if not each.own and each.prediction_id]
    first = [each for each in made if each not in late]
    placed = dict(zip(map(id, first), _put(streams, first), strict=True))
    watched = _Watched(streams, platform)
    watched.wait(first, placed, patience_seconds, sleep, on_progress)
    placed.update(zip(map(id, late), _put(streams, late), strict=True))
    _put(streams, again)
    watched.wait(made, placed, patience_seconds, sleep, on_progress)
    rows = [
        {
            "kind": each.kind,
            "prediction": each.prediction_id,
            **watched.ended(each, placed[id(each)]),
        }
        for each in made
    ]
    told = _told(streams, began, {each.prediction_id for each in made})
    return Rehearsal(
        inputs=pd.DataFrame(rows),
        sent_twice=len(again),
        duplicates=sum(count - 1 for count in told.values()),
        seconds=(datetime.now(UTC) - began).total_seconds(),
    )


@dataclass(frozen=True)
class _Watched:
    """Looks at how inputs ended."""

    streams: "Streams"
    platform: Platform

    def ended(self, each: Input, position: str) -> dict[str, str]:
        """Return how an input ended, ``lost`` while it has not."""
        if not each.own:
            days = self.platform.settings.retention.results_days
            failures = Failures(self.streams.table, days=days, send=lambda _message: None)
            reason = failures.reason(position)
            return _row("failure", reason.code) if reason else _row("lost")
        kept = self.streams.predictions.find(each.prediction_id)
        if kept is None or kept.state.status == "pending" or kept.event is not None:
            return _row("lost")
        error = kept.state.error
        return _row("failure", error.code) if error else _row("result")

    def wait(
        self,
        inputs: Sequence[Input],
        placed: dict[int, str],
        seconds: float,
        sleep: Callable[[float], None],
        on_progress: "OnProgress",
    ) -> None:
        """Wait until all inputs have ended."""
        give_up, waiting = time.monotonic() + seconds, list(inputs)
        with ThreadPoolExecutor(8) as pool:
            while waiting and time.monotonic() < give_up:
                found = pool.map(lambda each: self.ended(each, placed[id(each)]), waiting)
                pairs = zip(waiting, list(found), strict=True)
                waiting = [each for each, row in pairs if row["ended"] == "lost"]
                on_progress(len(inputs) - len(waiting), len(inputs))
                if waiting:
                    sleep(_PAUSE_SECONDS)


def _row(ended: str, reason: str = "") -> dict[str, str]:
    return {"ended": ended, "reason": reason}


def _put(streams: "Streams", inputs: Sequence[Input]) -> list[str]:
    return streams.put([(each.content, each.prediction_id or "nobody") for each in inputs])


def _inputs(samples: Sequence[Sample], uploaded: Uploaded, count: int) -> list[Input]:
    addresses = [uploaded.keep(each.content, "image/png") for each in samples]
    text = uploaded.keep(b"seven", "image/png")
    missing = f"{addresses[0].partition(INFERENCE_UPLOADS)[0]}{INFERENCE_UPLOADS}nothing"
    made: list[Input] = []
    for number in range(count):
        kind, name = _TWENTY[number % len(_TWENTY)], uuid.uuid4().hex
        address = addresses[number % len(addresses)]
        if kind == "no JSON":
            made.append(Input(kind, "", f"{name}: no JSON".encode(), own=False))
        elif kind == "no request":
            made.append(Input(kind, "", json.dumps({"picture": name}).encode(), own=False))
        elif kind == "another request under a known id":
            known = next(each for each in reversed(made) if each.kind == "image")
            made.append(Input(kind, known.prediction_id, _asked(known.prediction_id, text), False))
        else:
            place = {"no image there": missing, "a text instead of an image": text}
            made.append(Input(kind, name, _asked(name, place.get(kind, address))))
    random.Random(count).shuffle(made)  # noqa: S311 - an order, the same each time
    return made


def _asked(name: str, address: str) -> bytes:
    request = InferenceRequest(prediction_id=name, s3=address, time=datetime.now(UTC))
    return request.model_dump_json().encode()


def _told(streams: "Streams", began: datetime, names: set[str]) -> Counter[str]:
    """Return how often each prediction is told of in the stream of events."""
    found = streams.read(began, kind="events")
    told = (str(json.loads(each.data).get("prediction_id")) for each in found)
    return Counter(each for each in told if each in names)
