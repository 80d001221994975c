"""``python -m benchmarks.batch_loop MODEL IMAGES``: a bare loop over images held in memory.

It prints how many images a second it decodes and predicts, on one core, and does nothing else:
no names, no hashes, no rows. `MODEL` and `IMAGES` are folders.
"""

import sys
import time
from pathlib import Path

import numpy as np

from visionml.imaging.model_input import pixels
from visionml.model.predict import Predictor

TOGETHER = 8


def main(model: Path, images: Path) -> None:
    """Predict for every image, and print the rate."""
    predictor = Predictor(model)
    held = [path.read_bytes() for path in sorted(images.iterdir())]
    _loop(predictor, held[:TOGETHER])
    began = time.perf_counter()
    _loop(predictor, held)
    print(len(held) / (time.perf_counter() - began))


def _loop(predictor: Predictor, held: list[bytes]) -> None:
    size = predictor.record.input
    for start in range(0, len(held), TOGETHER):
        some = [
            pixels(image, height=size.height, width=size.width)
            for image in held[start : start + TOGETHER]
        ]
        predictor.probabilities(np.stack(some)).argmax(axis=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
