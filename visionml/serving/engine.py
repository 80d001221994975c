"""Predictions beside the event loop: one thread decodes and infers, the loop keeps answering.

One thread, since a worker process stands for one core. While it is inside the decoder or ONNX
Runtime it leaves the interpreter to the loop, so health checks never wait for a picture.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.inference import ContainerPrediction
from visionml.contracts.model import ModelRecord
from visionml.errors import NotServing
from visionml.imaging.header import read_header
from visionml.imaging.model_input import pixels
from visionml.serving.limits import RequestLimits
from visionml.serving.requests import parse

_WARM_UP_PREDICTIONS = 2


class Model(Protocol):
    """What the engine asks of a model; `visionml.model.predict.Predictor` is one."""

    record: ModelRecord

    def probabilities(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Return (n, classes) probabilities of (n, height, width, 3) pixels."""


@dataclass(frozen=True)
class Answer:
    """One prediction, as the JSON that is sent, and where its time went."""

    content: bytes
    decode_ms: float
    model_ms: float


class Engine:
    """Answers one image after the other; without a model it refuses each with 503."""

    def __init__(self, model: Model | None, limits: RequestLimits) -> None:
        self.model = model
        self.limits = limits
        self.warm = False
        self._thread = _Thread()
        self._running_since: float | None = None

    @classmethod
    def load(cls, folder: Path | None, limits: RequestLimits) -> "Engine":
        """Return an engine with the model in `folder`; None stands for no model.

        Raises
        ------
        NotFound, InvalidInput
            The folder holds a broken model.
        """
        if folder is None:
            return cls(None, limits)
        from visionml.model.predict import Predictor  # noqa: PLC0415 - ONNX Runtime is heavy

        return cls(Predictor(folder), limits)

    @property
    def healthy(self) -> bool:
        """Whether it is warm, and not stuck in a request that was given up long ago."""
        since = self._running_since
        stuck = since is not None and time.monotonic() - since > 3 * self.limits.seconds
        return self.warm and not stuck

    @property
    def version(self) -> str | None:
        """The model's version."""
        return self.model.record.version if self.model else None

    def warm_up(self) -> None:
        """Predict on blank pictures, so that the first caller does not pay for allocations."""
        if self.model is not None:
            size = self.model.record.input
            blank = np.zeros((1, size.height, size.width, 3), np.uint8)
            for _ in range(_WARM_UP_PREDICTIONS):
                self.model.probabilities(blank)
        self.warm = True

    async def answer(self, body: bytes, kind: str) -> Answer:
        """Return the prediction for one body of the media type `kind`.

        Raises
        ------
        RequestRefused, ImageRefused
            The body holds no acceptable image.
        NotServing
            There is no model.
        """
        if self.model is None:
            raise NotServing(
                "No model has been deployed to this endpoint yet.",
                code="no_model",
                hint="Train and promote one, then try again.",
            )
        model = self.model
        return await self._thread.run(lambda: self._predict(model, body, kind))

    def _predict(self, model: Model, body: bytes, kind: str) -> Answer:
        self._running_since = time.monotonic()
        try:
            started = time.perf_counter()
            request = parse(body, kind, self.limits.image)
            request.check_claim(read_header(request.image, self.limits.image))
            size = model.record.input
            picture = pixels(
                request.image, height=size.height, width=size.width, limits=self.limits.image
            )
            decoded = time.perf_counter()
            shares = model.probabilities(picture[np.newaxis])[0]
            prediction = _prediction(model.record, shares)
            return Answer(
                content=prediction.model_dump_json().encode(),
                decode_ms=(decoded - started) * 1e3,
                model_ms=(time.perf_counter() - decoded) * 1e3,
            )
        finally:
            self._running_since = None


def _prediction(record: ModelRecord, shares: NDArray[np.float32]) -> ContainerPrediction:
    best = int(shares.argmax())
    values = shares.tolist()
    return ContainerPrediction(
        label=record.classes[best],
        probability=values[best],
        probabilities=dict(zip(record.classes, values, strict=True)),
        model_version=record.version,
    )


class _Thread:
    """A thread that works one job after the other.

    It is what an executor of one thread does, in a third of its instructions.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[asyncio.Future[Answer], Callable[[], Answer]]] = SimpleQueue()
        threading.Thread(target=self._work, name="engine", daemon=True).start()

    def run(self, job: Callable[[], Answer]) -> "asyncio.Future[Answer]":
        """Return the future of a job's answer; one that is cancelled in time is never begun."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._jobs.put((future, job))
        return future

    def _work(self) -> None:
        while True:
            future, job = self._jobs.get()
            if future.cancelled():
                continue
            answer: Answer | None = None
            fault: BaseException | None = None
            try:
                answer = job()
            except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
                fault = error
            with suppress(RuntimeError):  # the loop ended meanwhile
                future.get_loop().call_soon_threadsafe(_settle, future, answer, fault)
            del future, job, answer, fault


def _settle(
    future: "asyncio.Future[Answer]", answer: Answer | None, fault: BaseException | None
) -> None:
    if future.cancelled():
        return
    if answer is not None:
        future.set_result(answer)
    elif fault is not None:
        future.set_exception(fault)
