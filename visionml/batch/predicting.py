"""Predictions in the job's own process, by the artefact of a model version."""

import logging
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visionml.batch.outcomes import Answer, Image, Outcome
from visionml.batch.store import Objects
from visionml.contracts import layout
from visionml.contracts.batch import BatchPlan
from visionml.contracts.inference import ContainerPrediction, ErrorDetail
from visionml.errors import ImageRefused, InvalidInput
from visionml.imaging.header import Limits
from visionml.imaging.model_input import pixels
from visionml.model import artefact
from visionml.model.predict import Predictor
from visionml.serving import answers
from visionml.serving.models import Model
from visionml.serving.options import Options

VARIANT = "batch"
"""Of rows that no endpoint has answered."""

log = logging.getLogger(__name__)


def loaded(plan: BatchPlan, objects: Objects) -> Model:
    """Return the model of a plan, from its artefact.

    Raises
    ------
    NotFound, InvalidInput
        There is no sound artefact of that version.
    """
    if plan.artefact is None:
        raise InvalidInput("The run's plan names no model.", hint="Start a run of another id.")
    with tempfile.TemporaryDirectory(prefix="visionml-") as folder:
        archive = Path(folder, layout.ARTEFACT)
        archive.write_bytes(objects.read_bytes(plan.artefact))
        record = artefact.unpack(archive, Path(folder, "model"))
        if record.version != plan.model_version:
            raise InvalidInput(
                f"{plan.artefact} holds the version {record.version}, not {plan.model_version}."
            )
        return Predictor(Path(folder, "model"))


class Local:
    """Decodes and predicts on a number of cores, from any number of threads."""

    def __init__(self, model: Model, *, cores: int, limit: int) -> None:
        """Take images of up to `limit` bytes."""
        self._model, self._limits = model, Limits(bytes=limit)
        self._cores = threading.BoundedSemaphore(cores)
        self._top = Options().top

    def predict(self, images: Sequence[Image]) -> list[Outcome]:
        """Return what becomes of each image."""
        with self._cores:
            started = time.perf_counter()
            decoded = [self._pixels(image) for image in images]
            pictures = [each for each in decoded if not isinstance(each, ErrorDetail)]
            if not pictures:
                return [each for each in decoded if isinstance(each, ErrorDetail)]
            shares = iter(self._model.infer(np.stack(pictures)).probabilities)
            share_ms = round((time.perf_counter() - started) * 1e3 / len(images), 3)
        return [
            each if isinstance(each, ErrorDetail) else self._answer(next(shares), share_ms)
            for each in decoded
        ]

    def _pixels(self, image: Image) -> NDArray[np.uint8] | ErrorDetail:
        size = self._model.record.input
        try:
            return pixels(image.content, height=size.height, width=size.width, limits=self._limits)
        except ImageRefused as error:
            return ErrorDetail(code=error.reason, message=error.message, limit=error.limit)
        except Exception:  # one image's failure is not the others'
            log.exception("The image %s cannot be decoded.", image.source.key)
            return ErrorDetail(code="internal", message="The job failed. Its log says why.")

    def _answer(self, shares: NDArray[np.float32], share_ms: float) -> Answer:
        found = answers.fields(self._model.record, shares, top=self._top)
        return Answer(ContainerPrediction(**found), VARIANT, share_ms)
