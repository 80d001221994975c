"""A processing job's inputs, of scanned digits, without S3."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from visionml.contracts import layout
from visionml.contracts.dataset import ManifestEntry
from visionml.dataset.manifest import manifest_text
from visionml.dataset.samples import grey_png
from visionml.dataset.splits import Candidate, assign

PREFIX = layout.raw_images("digits")


def digits(per_class: int) -> dict[str, bytes]:
    """Return the first PNG files of each digit by their keys."""
    sample = load_digits()
    taken: Counter[int] = Counter()
    found = {}
    for index, (image, label) in enumerate(zip(sample.images, sample.target, strict=True)):
        taken[label] += 1
        if taken[label] <= per_class:
            content = grey_png(np.rint(image * (255 / 16)).astype(np.uint8))
            found[f"{PREFIX}{label}/digit-{index:04d}.png"] = content
    return found


def prepare_inputs(base: Path, *, per_class: int = 1000, seed: int = 0) -> list[ManifestEntry]:
    """Lay out the inputs of ``prepare`` below `base` and return the manifest's entries."""
    files = digits(per_class)
    candidates = [
        Candidate(key, key.split("/")[2], hashlib.sha256(content).hexdigest())
        for key, content in files.items()
    ]
    splits = assign(candidates, seed=seed)
    entries = [
        ManifestEntry(
            key=candidate.key,
            label=candidate.label,
            split=splits[candidate.key],
            sha256=candidate.sha256,
            width=8,
            height=8,
            format="png",
            bytes=len(files[candidate.key]),
        )
        for candidate in candidates
    ]
    inputs = base / "processing" / "input"
    for key, content in files.items():
        target = inputs / "images" / key.removeprefix(PREFIX)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    (inputs / "manifest").mkdir()
    (inputs / "manifest" / layout.MANIFEST).write_text(manifest_text(entries))
    return entries
