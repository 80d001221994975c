"""The same model behind FastAPI, Pillow and ONNX Runtime, as most people write it."""

import io
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image

from visionml.contracts.model import ONNX_FILE
from visionml.model import artefact

SIDE = 224


def main(folder: Path, port: int) -> None:
    """Serve until terminated."""
    app = FastAPI()
    record = artefact.read(folder)
    session = onnxruntime.InferenceSession(folder / ONNX_FILE)

    def predict(data: bytes) -> dict[str, object]:
        image = Image.open(io.BytesIO(data)).convert("RGB").resize((SIDE, SIDE))
        scaled = (np.asarray(image, np.float32) / 255 - 0.5) / 0.25
        batch = scaled.transpose(2, 0, 1)[np.newaxis]
        (logits,) = session.run(["logits"], {"pixels": batch})
        shares = np.exp(logits[0] - logits[0].max())
        shares /= shares.sum()
        best = int(shares.argmax())
        return {
            "label": record.classes[best],
            "probability": float(shares[best]),
            "probabilities": dict(zip(record.classes, shares.tolist(), strict=True)),
        }

    @app.post("/invocations")
    async def invocations(request: Request) -> dict[str, object]:
        return await run_in_threadpool(predict, await request.body())

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
