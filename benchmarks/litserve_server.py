"""The model behind LitServe, which takes images in base64: a worker process a core."""

import base64
import os
import sys
from pathlib import Path
from typing import Any

import litserve

from benchmarks.peer_model import PeerModel


class Api(litserve.LitAPI):  # type: ignore[misc]
    """LitServe's way of serving a model."""

    def __init__(self, folder: Path) -> None:
        super().__init__(api_path="/invocations")
        self._folder = folder

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Load the model in a worker process."""
        self._model = PeerModel(self._folder)

    def decode_request(self, request: dict[str, str]) -> bytes:
        """Return the image's bytes."""
        return base64.b64decode(request["image"])

    def predict(self, data: bytes) -> dict[str, object]:
        """Answer one image."""
        return self._model.predict(data)

    def encode_response(self, output: dict[str, object]) -> dict[str, Any]:
        """Return the answer as it is."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(
        Api(Path(sys.argv[1])), accelerator="cpu", workers_per_device=os.cpu_count() or 1
    )
    server.run(
        host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", generate_client_file=False
    )
