"""The acceptance plan of the inference API: what it has to do, and what it did when asked."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from visionml.contracts.inference import (
    HASH_HEADER,
    INLINE_IMAGE_BYTES,
    JSON_TYPE,
)
from visionml.desks.api import Api
from visionml.desks.api_access import Answer
from visionml.desks.datasets import Sample
from visionml.errors import InvalidInput
from visionml.imaging.header import read_header


@dataclass(frozen=True)
class Criterion:
    """One line of the plan; it is met when `see` returns what is expected."""

    what: str
    how: str
    expected: str
    see: Callable[[], str]


class Acceptance:
    """Asks an environment's API what its customers ask, good and bad."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def run(self, sample: Sample, *, photograph: bytes, large: bytes) -> pd.DataFrame:
        """Go through the plan and return a row for each criterion: what, how, expected, seen.

        `sample` is an image that the model has to read rightly, `photograph` a small JPEG and
        `large` one that is too large for a request.

        Raises
        ------
        InvalidInput
            The large image would fit into a request.
        """
        if len(large) <= INLINE_IMAGE_BYTES:
            raise InvalidInput(
                f"{len(large):,} bytes fit into a request; the plan needs a larger image.",
                hint=f"Give one of more than {INLINE_IMAGE_BYTES:,} bytes.",
            )
        plan = [*self._answered(sample, photograph, large), *self._refused(sample, large)]
        rows = [
            {
                "what": each.what,
                "how": each.how,
                "expected": each.expected,
                "seen": (seen := each.see()),
                "met": seen == each.expected,
            }
            for each in plan
        ]
        return pd.DataFrame(rows).set_index("what")

    def _answered(self, sample: Sample, photograph: bytes, large: bytes) -> list[Criterion]:
        kind, label = f"image/{read_header(sample.content).format}", sample.entry.label
        encoded = json.dumps({"image": b64encode(sample.content).decode()}).encode()
        return [
            Criterion(
                "known image",
                "POST /inference",
                f"200, {label}",
                lambda: _labelled(self._post(sample.content, kind)),
            ),
            Criterion(
                "the same in JSON",
                "POST /inference, base64",
                f"200, {label}",
                lambda: _labelled(self._post(encoded, JSON_TYPE, image=sample.content)),
            ),
            Criterion(
                "photograph",
                f"POST /inference, {_size(photograph)}",
                "200",
                lambda: str(self._post(photograph, "image/jpeg").status),
            ),
            Criterion(
                "large photograph",
                f"POST /uploads, {_size(large)}",
                "200",
                lambda: _status(lambda: self._api.predict(large)),
            ),
            Criterion(
                "asked twice",
                "POST /inference, twice",
                "one prediction",
                lambda: self._twice(photograph),
            ),
            Criterion(
                "collected later",
                "POST /inference/async",
                f"202, {label}",
                lambda: self._later(sample.content, kind),
            ),
            Criterion(
                "health",
                "GET /health",
                "200, ok",
                self._health,
            ),
        ]

    def _refused(self, sample: Sample, large: bytes) -> list[Criterion]:
        kind = f"image/{read_header(sample.content).format}"
        other = {HASH_HEADER: hashlib.sha256(large).hexdigest()}
        half = sample.content[: len(sample.content) // 2]
        asked: Mapping[str, tuple[str, Callable[[], Answer]]] = {
            "nothing": ("400, empty", lambda: self._post(b"", kind)),
            "a text": (
                "422, unsupported",
                lambda: self._post(b"seven", kind),
            ),
            "a BMP image": (
                "415, unsupported_media_type",
                lambda: self._post(sample.content, "image/bmp"),
            ),
            "half an image": ("400, truncated", lambda: self._post(half, kind)),
            "another image's hash": (
                "400, hash_mismatch",
                lambda: self._api.ask(sample.content, content_type=kind, headers=other),
            ),
            "too large": (
                "413, too_many_bytes",
                lambda: self._post(large, "image/jpeg"),
            ),
            "no key": (
                "403",
                lambda: self._api.ask(sample.content, content_type=kind, key=""),
            ),
        }
        refusals = [
            Criterion(f"refused: {what}", "POST /inference", expected, _refusal(ask, expected))
            for what, (expected, ask) in asked.items()
        ]
        unknown = Criterion(
            "refused: unknown id",
            "GET /predictions/{id}",
            "404, unknown_prediction",
            _refusal(
                lambda: self._api.ask(method="GET", path=f"/predictions/{'0' * 32}"),
                "404, unknown_prediction",
            ),
        )
        return [*refusals, unknown]

    def _post(self, body: bytes, kind: str, *, image: bytes | None = None) -> Answer:
        stated = {HASH_HEADER: hashlib.sha256(body if image is None else image).hexdigest()}
        return self._api.ask(body, content_type=kind, headers=stated)

    def _twice(self, image: bytes) -> str:
        answers = [self._post(image, "image/jpeg").body for _ in range(2)]
        ids = {answer.get("prediction_id") for answer in answers}
        return "one prediction" if len(ids) == 1 and None not in ids else f"{len(ids)} predictions"

    def _later(self, image: bytes, kind: str) -> str:
        stated = {HASH_HEADER: hashlib.sha256(image).hexdigest()}
        answer = self._api.ask(image, content_type=kind, path="/inference/async", headers=stated)
        if answer.status != 202:
            return str(answer.status)
        collected = self._api.client.collect(answer.body["prediction_id"])
        return f"{answer.status}, {collected.label}"

    def _health(self) -> str:
        answer = self._api.ask(method="GET", path="/health")
        return f"{answer.status}, {answer.body.get('status', '')}"


def _labelled(answer: Answer) -> str:
    found = answer.body.get("label", "") if isinstance(answer.body, dict) else ""
    return f"{answer.status}, {found}"


def _status(ask: Callable[[], object]) -> str:
    ask()
    return "200"


def _refusal(ask: Callable[[], Answer], expected: str) -> Callable[[], str]:
    """Return how a refusal is told: its status, and its code where one is expected."""

    def see() -> str:
        told = ask().told()
        return f"{told['status']}, {told['code']}" if "," in expected else str(told["status"])

    return see


def _size(image: bytes) -> str:
    header = read_header(image)
    return f"{header.width} x {header.height}, {len(image) / 1e6:.1f} MB"
