"""``python -m benchmarks.drift_ours DATA.npz``: our detector, asked as those of others are."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.drift_peer import Data, answer
from visionml.monitoring.baseline import fit
from visionml.monitoring.check import check
from visionml.monitoring.window import Floats, Numbers, Window, from_arrays


def _window(data: Data, rows: Floats, labels: Numbers) -> Window:
    first = data.statistics
    last = rows.shape[1] - data.classes
    found = from_arrays(
        classes=[str(place) for place in range(data.classes)],
        names=[f"statistic {place}" for place in range(first)],
        statistics=rows[:, :first],
        embeddings=rows[:, first:last],
        probabilities=rows[:, last:],
    )
    return replace(found, labels=labels)


def ours(data: Data) -> Callable[[int], float]:
    """Return what scores a window: above 1 where our report says that it drifted."""
    fit(_window(data, data.reference[:400], data.labels[:400]), model_version="v-1")  # imports
    return scored(data)


def scored(data: Data) -> Callable[[int], float]:
    """Return the same without warming up."""
    baseline = fit(_window(data, data.reference, data.labels), model_version="v-1")

    def score(place: int) -> float:
        window = _window(data, data.window(place), data.window_labels[place])
        report = check(baseline, window, model_version="v-1", variant="a", report_id="r")
        assert report.threshold is not None
        return report.score / report.threshold

    return score


if __name__ == "__main__":
    answer(Path(sys.argv[1]), {"warm": ours, "ours": scored})
