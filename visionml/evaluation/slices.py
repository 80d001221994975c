"""Where a model is weak: accuracy by brightness, sharpness and size of the images."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.evaluation import SLICINGS, Slice
from visionml.dataset.shards import Shards
from visionml.evaluation.bootstrap import resampled_sums, share_interval
from visionml.evaluation.figures import Numbers, Values
from visionml.imaging import statistics

_BATCH = 256
_NAMES = {
    "brightness": ("darkest", "dark", "bright", "brightest"),
    "sharpness": ("most blurred", "blurred", "sharp", "sharpest"),
    "size": ("smallest", "small", "large", "largest"),
}


def measures(split: Shards) -> dict[str, Values]:
    """Return each image's brightness (0 to 255), sharpness and size (pixels of the original).

    Brightness and sharpness are of the pixels that the model sees.
    """
    found: dict[str, list[NDArray[np.float32]]] = {"brightness": [], "sharpness": []}
    for start in range(0, len(split), _BATCH):
        batch = np.arange(start, min(start + _BATCH, len(split)))
        grey = statistics.luma(split.pixels(batch))
        found["brightness"].append(statistics.brightness(grey))
        found["sharpness"].append(statistics.sharpness(grey))
    values = {name: np.concatenate(parts).astype(np.float64) for name, parts in found.items()}
    values["size"] = np.array([row.width * row.height for row in split.rows], np.float64)
    return {name: values[name] for name in SLICINGS}


def slices(
    measured: dict[str, Values],
    right: NDArray[np.bool_],
    truth: Numbers,
    *,
    rng: np.random.Generator,
) -> dict[str, list[Slice]]:
    """Return the accuracy within the quartiles of each measure, the smallest values first.

    Equal values stay together: images that are all of one size are one slice.
    """
    parts = [
        (measure, name, member)
        for measure, values in measured.items()
        for name, member in quartiles(values, names=_NAMES[measure])
    ]
    inside = np.stack([member for _, _, member in parts], axis=1)
    sums = resampled_sums(np.hstack([inside, inside & right[:, None]]), truth, rng=rng)
    sizes, kept = np.split(sums, 2, axis=1)
    shares = kept / np.maximum(sizes, 1)
    result: dict[str, list[Slice]] = {measure: [] for measure in measured}
    for index, (measure, name, member) in enumerate(parts):
        images, accuracy = int(member.sum()), float(right[member].mean())
        low, high = share_interval(shares[:, index], value=accuracy, trials=images)
        values = measured[measure][member]
        result[measure].append(
            Slice(
                name=name,
                lower=float(values.min()),
                upper=float(values.max()),
                images=images,
                accuracy=accuracy,
                low=low,
                high=high,
            )
        )
    return result


def quartiles(values: Values, *, names: Sequence[str]) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return the quartiles that hold images, with their members; one alone is called ``all``."""
    place = np.searchsorted(np.quantile(values, (0.25, 0.5, 0.75)), values)
    members = [(name, place == number) for number, name in enumerate(names)]
    found = [(name, member) for name, member in members if member.any()]
    return found if len(found) > 1 else [("all", member) for _, member in found]
