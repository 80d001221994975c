"""What peers serve: the model behind Pillow and ONNX Runtime, as most people write it."""

import io
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from visionml.contracts.model import ONNX_FILE
from visionml.model import artefact

SIDE = 224


class PeerModel:
    """A model that decodes what it is asked about."""

    def __init__(self, folder: Path) -> None:
        """Load the artefact in `folder`."""
        self._classes = artefact.read(folder).classes
        self._session = onnxruntime.InferenceSession(folder / ONNX_FILE)

    def predict(self, data: bytes) -> dict[str, object]:
        """Return the answer to an image's bytes."""
        return self.predict_image(Image.open(io.BytesIO(data)))

    def predict_image(self, opened: Image.Image) -> dict[str, object]:
        """Return the answer to an image."""
        image = opened.convert("RGB").resize((SIDE, SIDE))
        scaled = (np.asarray(image, np.float32) / 255 - 0.5) / 0.25
        batch = scaled.transpose(2, 0, 1)[np.newaxis]
        (logits,) = self._session.run(["logits"], {"pixels": batch})
        shares = np.exp(logits[0] - logits[0].max())
        shares /= shares.sum()
        best = int(shares.argmax())
        return {
            "label": self._classes[best],
            "probability": float(shares[best]),
            "probabilities": dict(zip(self._classes, shares.tolist(), strict=True)),
        }
