"""Model-ready shards: uint8 pixels in ``part-*.npy``, one manifest entry per row beside them."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.dataset import ManifestEntry, Omission
from visionml.dataset.forgotten import omissions_file
from visionml.dataset.manifest import lines_text, parse_manifest
from visionml.errors import DatasetInvalid

Pixels = NDArray[np.uint8]
"""Images x height x width x 3, RGB."""


def write_shard(
    folder: Path,
    name: str,
    pixels: Pixels,
    rows: Sequence[ManifestEntry],
    *,
    omissions: Sequence[Omission] = (),
) -> list[str]:
    """Write ``name.npy`` and ``name.jsonl``; row i of the one describes image i of the other.

    Return the names of the files, the rows last; what is left out has a file of its own.
    """
    if len(pixels) != len(rows):
        raise ValueError(f"{len(pixels)} images but {len(rows)} rows")
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{name}.npy", pixels)
    texts = {f"{name}.jsonl": lines_text(rows)}
    if omissions:
        texts = {omissions_file(name): lines_text(omissions), **texts}
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    return [f"{name}.npy", *texts]


class Shards:
    """All shards of one split, as one sequence of images that stays on disk."""

    def __init__(self, folder: Path) -> None:
        """Open the shards below `folder`, in the order of their names.

        Raises
        ------
        DatasetInvalid
            There is none, or one is damaged or does not fit the others.
        """
        paths = sorted(folder.glob("*.npy"))
        if not paths:
            raise DatasetInvalid(
                f"{folder} holds no shards: this split has no images.",
                hint="Prepare the dataset version, and point the channel at its split.",
            )
        self._parts = [_open(path) for path in paths]
        self._ends = list(accumulate(len(part) for part in self._parts))
        self.rows = [row for path in paths for row in _rows(path.with_suffix(".jsonl"))]
        shapes = {part.shape[1:] for part in self._parts}
        if not self._ends[-1]:
            raise DatasetInvalid(
                f"{folder} holds no images.",
                hint="Import more images of every class, also for those that were forgotten.",
            )
        if len(shapes) > 1 or len(self.rows) != self._ends[-1]:
            raise DatasetInvalid(
                f"The shards in {folder} do not fit together: sizes {sorted(shapes)}, "
                f"{self._ends[-1]} images, {len(self.rows)} rows.",
                hint="Prepare the dataset version again, into an empty folder.",
            )
        self.height, self.width = int(self._parts[0].shape[1]), int(self._parts[0].shape[2])

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> list[str]:
        """The label of every image, in order."""
        return [row.label for row in self.rows]

    def pixels(self, indices: NDArray[np.int64]) -> Pixels:
        """Return copies of the images at `indices`, in their order."""
        result = np.empty((len(indices), self.height, self.width, 3), np.uint8)
        parts = np.searchsorted(self._ends, indices, side="right")
        for part in np.unique(parts):
            chosen = parts == part
            first = self._ends[part - 1] if part else 0
            result[chosen] = self._parts[part][indices[chosen] - first]
        return result


def _open(path: Path) -> Pixels:
    try:
        part = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DatasetInvalid(
            f"The shard {path} is damaged: {error}.", hint="Prepare the dataset version again."
        ) from error
    if part.dtype != np.uint8 or part.ndim != 4 or part.shape[3] != 3:
        raise DatasetInvalid(
            f"The shard {path} holds {part.dtype} {part.shape}, not uint8 images of 3 channels."
        )
    return part  # type: ignore[no-any-return]


def _rows(path: Path) -> list[ManifestEntry]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DatasetInvalid(
            f"The shard {path.with_suffix('.npy')} has no rows: {path} does not exist.",
            hint="Prepare the dataset version again.",
        ) from None
    return parse_manifest(text, where=str(path))
