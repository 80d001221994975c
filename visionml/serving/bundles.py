"""Several images in one invocation of the endpoint, as many as it answers soon enough.

Most of what an image costs outside of the model is the call itself. An invocation with several
images takes as long as all of them, though, and alarms look at how long invocations take: how many
go together follows from how long they took before.
"""

import contextlib
import logging
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from visionml.contracts.inference import ErrorDetail, InferenceRequest
from visionml.errors import InvalidInput, VisionmlError
from visionml.serving.adapter import Inferred
from visionml.serving.pace import Pace
from visionml.serving.payload import Payload
from visionml.serving.statuses import IMAGE_STATUSES, status_of

LARGEST_BYTES = 16 * 1024 * 1024
"""Of the images of an invocation: SageMaker takes 25 MB, and memory holds a few of these."""
_WEIGHT = 0.3
"""Of the newest invocation in what an image is taken to cost."""

log = logging.getLogger(__name__)

Found = dict[str, Inferred | ErrorDetail]
"""What was answered, by prediction."""
Ask = Callable[[Sequence[Payload], Sequence[str], str | None], Sequence[Inferred | ErrorDetail]]
"""Takes images, their predictions and a variant; see `visionml.serving.adapter.infer_together`."""


@dataclass
class Size:
    """How many images go into an invocation: one at first, then what `milliseconds` allow."""

    most: int
    milliseconds: float
    _each: float = 0.0

    def now(self) -> int:
        """Return how many that is by what is known so far."""
        if not self._each:
            return 1
        return max(1, min(self.most, int(self.milliseconds / self._each)))

    def note(self, milliseconds: float) -> None:
        """Take what an image cost in the invocation that ended last."""
        self._each += (milliseconds - self._each) * (_WEIGHT if self._each else 1.0)


@dataclass(frozen=True)
class Bundles:
    """Asks for predictions, several with an invocation, from several threads."""

    read: Callable[[InferenceRequest], Payload]
    ask: Ask
    variant: Callable[[str], str | None]
    """Takes a caller's pseudonym."""
    size: Size
    threads: int

    def infer(self, requests: Sequence[InferenceRequest], pace: Pace) -> Found:
        """Return what the endpoint answers, and how it refuses images.

        What fails for other reasons is missing, so that it can be asked for again, one by one: an
        image that ends the container takes the others of its invocation with it.
        """
        work = _Work(most=math.ceil(len(requests) / self.threads))
        for request in requests:
            work.add(request, self.variant(request.caller))
        found: Found = {}
        with ThreadPoolExecutor(self.threads) as pool:
            for each in [pool.submit(self._all, work, pace) for _ in range(self.threads)]:
                found |= each.result()
        return found

    def _all(self, work: "_Work", pace: Pace) -> Found:
        found: Found = {}
        while bundle := work.next(self.size.now()):
            variant, requests = bundle
            try:
                pace.ready()
                self._one(requests, variant, found)
                pace.good()
            except InvalidInput as error:
                log.warning("The endpoint refuses several images at once: %s", error)
            except VisionmlError as error:
                with contextlib.suppress(VisionmlError):  # `pace` knows that there is no time left
                    pace.slow(error)
            except Exception:
                log.exception("An invocation with several images failed.")
        return found

    def _one(self, requests: Sequence[InferenceRequest], variant: str | None, found: Found) -> None:
        for images in self._read(requests, found):
            names = [name for name, _ in images]
            answers = self.ask([image for _, image in images], names, variant)
            for name, answer in zip(names, answers, strict=True):
                if isinstance(answer, Inferred):
                    self.size.note(answer.prediction.latency_ms)
                    found[name] = answer
                elif answer.code in IMAGE_STATUSES:  # the others may be answered another time
                    found[name] = answer

    def _read(
        self, requests: Sequence[InferenceRequest], found: Found
    ) -> Iterator[list[tuple[str, Payload]]]:
        """Yield the images of requests, as many as fit into an invocation."""
        images: list[tuple[str, Payload]] = []
        held = 0
        for request in requests:
            try:
                image = self.read(request)
            except InvalidInput as error:
                found[request.prediction_id] = status_of(error)[1].error
                continue
            if images and held + len(image.body) > LARGEST_BYTES:
                yield images
                images, held = [], 0
            images.append((request.prediction_id, image))
            held += len(image.body)
        if images:
            yield images


@dataclass
class _Work:
    """Requests by variant, from which several threads take."""

    most: int
    """At once, so that there is something for each thread."""
    _waiting: dict[str | None, list[InferenceRequest]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, request: InferenceRequest, variant: str | None) -> None:
        self._waiting.setdefault(variant, []).append(request)

    def next(self, most: int) -> tuple[str | None, list[InferenceRequest]] | None:
        """Return a variant and up to `most` of its requests, None when there are no more."""
        most = min(most, self.most)
        with self._lock:
            for variant, requests in self._waiting.items():
                if requests:
                    self._waiting[variant] = requests[most:]
                    return variant, requests[:most]
        return None
