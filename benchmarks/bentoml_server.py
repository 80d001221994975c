"""The model behind BentoML: a worker process a core."""

import os
import sys
from pathlib import Path

import bentoml
from PIL.Image import Image

from benchmarks.peer_model import PeerModel


@bentoml.service(workers=os.cpu_count() or 1)
class Classifier:
    """BentoML's way of serving a model."""

    def __init__(self) -> None:
        self._model = PeerModel(Path(os.environ["PEER_MODEL"]))

    @bentoml.api(route="/invocations")  # type: ignore[untyped-decorator]
    def predict(self, image: Image, /) -> dict[str, object]:
        """Answer one image."""
        return self._model.predict_image(image)


if __name__ == "__main__":
    os.environ["PEER_MODEL"] = sys.argv[1]
    command = ["serve", "benchmarks.bentoml_server:Classifier", "--host", "127.0.0.1"]
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", *command, "--port", sys.argv[2]])
