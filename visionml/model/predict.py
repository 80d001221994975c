"""Predictions from an artefact, with ONNX Runtime alone."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from visionml.contracts.model import ONNX_FILE, ModelRecord
from visionml.errors import InvalidInput
from visionml.model import artefact
from visionml.model.transforms import normalise


class Output(NamedTuple):
    """What a model says of n images."""

    probabilities: NDArray[np.float32]
    """(n, classes)."""
    embedding: NDArray[np.float32] | None
    """(n, features), what its last layer sees; None where it was not asked for or is not known."""


class Predictor:
    """A model, ready to answer; it may be called from several threads at once."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Load the artefact in `folder`; `threads` is ONNX Runtime's own for one batch.

        Raises
        ------
        NotFound, InvalidInput
            The artefact is incomplete or damaged, as `visionml.model.artefact.read` says.
        """
        self.record: ModelRecord = artefact.read(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            folder / ONNX_FILE, options, providers=providers()
        )
        self._input = self._session.get_inputs()[0].name
        # a graph that was not exported here may call its only output anything
        self._logits = self._session.get_outputs()[0].name
        named = {each.name for each in self._session.get_outputs()}
        self._both = [self._logits, "embedding"] if "embedding" in named else None

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (n, classes) probabilities of `pixels` (n, height, width, 3), RGB.

        Raises
        ------
        InvalidInput
            The images do not have the size that the model was trained on.
        """
        return self.infer(pixels).probabilities

    def infer(self, pixels: NDArray[np.uint8], *, embed: bool = False) -> Output:
        """Return the probabilities and, with `embed`, the embedding, from one pass.

        Raises
        ------
        InvalidInput
            The images do not have the size that the model was trained on.
        """
        wanted = (self.record.input.height, self.record.input.width, 3)
        if pixels.shape[1:] != wanted:
            raise InvalidInput(f"The images are {pixels.shape[1:]}; the model takes {wanted}.")
        batch = normalise(pixels, self.record.input)
        names = self._both if embed and self._both else [self._logits]
        logits, *features = self._session.run(names, {self._input: batch})
        return Output(softmax(logits), features[0] if features else None)


def providers() -> list[str]:
    """Return where ONNX Runtime shall compute: on a GPU where its build can, else on the CPU.

    A build for CUDA that finds no device at run time falls back to the second by itself.
    """
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    available = onnxruntime.get_available_providers()
    return [name for name in wanted if name in available]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of each row of logits, without overflow."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = shifted / shifted.sum(axis=1, keepdims=True)
    return result
