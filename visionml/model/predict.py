"""Predictions from an artefact, with ONNX Runtime alone."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from visionml.contracts.model import ONNX_FILE, ModelRecord
from visionml.errors import InvalidInput
from visionml.model import artefact
from visionml.model.transforms import normalise


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
            folder / ONNX_FILE, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (n, classes) probabilities of `pixels` (n, height, width, 3), RGB.

        Raises
        ------
        InvalidInput
            The images do not have the size that the model was trained on.
        """
        wanted = (self.record.input.height, self.record.input.width, 3)
        if pixels.shape[1:] != wanted:
            raise InvalidInput(f"The images are {pixels.shape[1:]}; the model takes {wanted}.")
        batch = normalise(pixels, self.record.input)
        (logits,) = self._session.run(None, {self._input: batch})
        return softmax(logits)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of each row of logits, without overflow."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = shifted / shifted.sum(axis=1, keepdims=True)
    return result
