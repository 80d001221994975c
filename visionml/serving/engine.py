"""Predictions beside the event loop: one thread decodes and infers, the loop keeps answering.

One thread, since a worker process stands for one core. While it is inside the decoder or ONNX
Runtime it leaves the interpreter to the loop, so health checks never wait for a picture. The
images of a batch take their turns with those of other requests.
"""

import asyncio
import logging
import time
from functools import partial
from pathlib import Path

import numpy as np

from visionml.errors import NotServing, RequestRefused, VisionmlError
from visionml.imaging.header import read_header
from visionml.imaging.model_input import pixels
from visionml.imaging.statistics import Source
from visionml.serving import answers
from visionml.serving.answers import Answer
from visionml.serving.limits import Place, RequestLimits
from visionml.serving.models import Model, Shelf, open_model, warm_up
from visionml.serving.options import Options
from visionml.serving.references import Sources
from visionml.serving.requests import (
    IMAGE_TYPES,
    ImageRequest,
    Item,
    MediaType,
    Parsed,
    Present,
    Reference,
    parse,
)
from visionml.serving.statuses import status_of
from visionml.serving.thread import Worker

log = logging.getLogger(__name__)


class Engine:
    """Answers one image after the other; without a model it refuses each with 503."""

    def __init__(
        self,
        model: Model | None,
        limits: RequestLimits,
        *,
        options: Options | None = None,
        sources: Sources | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        """Answer with `model`, or with those on `shelf` where a request names one."""
        self.model = model
        self.limits = limits
        self.options = options or Options()
        self.shelf = shelf
        self.warm = False
        self.thread = Worker()
        self._sources = sources or Sources((), limits.image)
        self._running_since: float | None = None

    @classmethod
    def load(
        cls,
        folder: Path | None,
        limits: RequestLimits,
        *,
        options: Options | None = None,
        sources: Sources | None = None,
        shelf: Shelf | None = None,
    ) -> "Engine":
        """Return an engine with the model in `folder`; None stands for no model.

        Raises
        ------
        NotFound, InvalidInput
            The folder holds a broken model.
        """
        model = None if folder is None else open_model(folder)
        return cls(model, limits, options=options, sources=sources, shelf=shelf)

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
            warm_up(self.model)
        self.warm = True

    async def answer(
        self, body: bytes, media: MediaType, place: Place, options: Options, target: str = ""
    ) -> Answer:
        """Return the answer to one body, with the model that `target` names or the only one.

        Raises
        ------
        RequestRefused, ImageRefused
            The body holds no acceptable image. In a batch that is the image's entry instead.
        NotServing
            There is no model.
        """
        if media.bare:
            return await self.begin(body, media, options, target)
        self._check_target(target)
        parsed = await self.thread.run(partial(parse, body, media, self.limits))
        del body  # what was parsed from JSON is as large again
        if parsed.batch:
            return await self._each(parsed, place, options, target)
        return await self._one(parsed.items[0], place, options, target)

    def begin(
        self, image: bytes, media: MediaType, options: Options, target: str = ""
    ) -> "asyncio.Future[Answer]":
        """Return the future of the answer to a body that is one image, and fails as `answer` does.

        One that is cancelled in time is never computed.
        """
        self._check_target(target)
        item = ImageRequest(image, IMAGE_TYPES[media.kind])
        return self.thread.run(partial(self._predict, item, options, target))

    def _check_target(self, target: str) -> None:
        if target or self.model is not None:
            return
        if self.shelf is not None:
            raise RequestRefused(
                "The request names no model, and there are several.",
                code="no_target_model",
                status=400,
                hint="Name one in TargetModel.",
            )
        raise NotServing(
            "No model has been deployed to this endpoint yet.",
            code="no_model",
            hint="Train and promote one, then try again.",
        )

    async def _each(self, parsed: Parsed, place: Place, options: Options, target: str) -> Answer:
        found: list[Answer] = []
        entries: list[bytes] = []
        for item in parsed.items:
            try:
                answer = await self._one(item, place, options, target)
            except Exception as error:  # one image's failure is not the others'
                if not isinstance(error, VisionmlError):
                    log.exception("An image of a batch failed.")
                entries.append(status_of(error)[1].model_dump_json().encode())
            else:
                found.append(answer)
                entries.append(answer.content)
        return Answer(
            content=answers.batch(entries),
            version=found[0].version if found else "",
            decode_ms=sum(answer.decode_ms for answer in found),
            model_ms=sum(answer.model_ms for answer in found),
            images=len(entries),
            refused=len(entries) - len(found),
        )

    async def _one(self, item: Item, place: Place, options: Options, target: str) -> Answer:
        held = 0
        try:
            if isinstance(item, Reference):
                held = self.limits.image.bytes  # its size is not known yet
                place.hold(held)
                item = ImageRequest(await self._sources.fetch(item))
            return await self.thread.run(partial(self._predict, item, options, target))
        finally:
            place.release(held)

    def _predict(self, item: Present, options: Options, target: str) -> Answer:
        self._running_since = time.monotonic()
        try:
            started = time.perf_counter()
            model = self._model(target)
            limits, size = self.limits.image, model.record.input
            request = item.open(limits)
            facts = read_header(request.image, limits)
            request.check_claim(facts)
            picture = pixels(request.image, height=size.height, width=size.width, limits=limits)
            decoded = time.perf_counter()
            shares, features = model.infer(picture[np.newaxis], embed=options.monitoring)
            content = answers.content(
                model.record,
                shares[0],
                options,
                pixels=picture,
                source=Source(*facts.upright_size, len(request.image)),
                embedding=None if features is None else features[0],
            )
            return Answer(
                content=content,
                version=model.record.version,
                decode_ms=(decoded - started) * 1e3,
                model_ms=(time.perf_counter() - decoded) * 1e3,
            )
        finally:
            self._running_since = None

    def _model(self, target: str) -> Model:
        if target and self.shelf is None:
            raise RequestRefused(
                "This endpoint has one model; TargetModel names another.",
                code="no_such_model",
                status=404,
                hint="Leave TargetModel out.",
            )
        if target and self.shelf is not None:
            return self.shelf.get(target)
        if self.model is None:
            raise AssertionError("it was refused before")
        return self.model
