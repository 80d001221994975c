"""``python -m benchmarks.drift_peer DATA.npz``: detectors of others, asked over standard input.

It runs in an environment of its own and knows nothing of this project. A line ``score NAME FIRST
LAST`` is answered with the scores of these windows, ``time NAME`` with the processor seconds of one
window, ``ready NAME`` with those of what is done once, and ``memory`` with megabytes at most.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Score = Callable[[int], float]
"""Of the window at a place."""


class Data:
    """A reference and windows: rows of statistics, embedding and probabilities."""

    def __init__(self, path: Path) -> None:
        arrays = np.load(path)
        self.reference = arrays["reference"].astype(np.float32)
        self._windows = np.load(path.with_name("windows.npy"), mmap_mode="r")
        self.labels, self.window_labels = arrays["labels"], arrays["window_labels"]
        self.statistics, self.classes = int(arrays["statistics"]), int(arrays["classes"])
        moving = self.reference.std(axis=0) > 1e-6
        self.columns = np.flatnonzero(moving)

    def window(self, place: int) -> Rows:
        """Return a window's rows."""
        found: Rows = np.array(self._windows[place], np.float32)
        return found


def scipy_wasserstein(data: Data) -> Score:
    """Return the mean distance over columns, in deviations."""
    distance = import_module("scipy.stats").wasserstein_distance

    known = data.reference[:, data.columns]
    spread = known.std(axis=0)

    def score(place: int) -> float:
        seen = data.window(place)[:, data.columns]
        return float(
            np.mean([distance(a, b) / c for a, b, c in zip(known.T, seen.T, spread, strict=True)])
        )

    return score


def scipy_ks(data: Data) -> Score:
    """Return the largest statistic over columns."""
    test = import_module("scipy.stats").ks_2samp

    known = data.reference[:, data.columns]

    def score(place: int) -> float:
        seen = data.window(place)[:, data.columns]
        return max(
            float(test(a, b, method="asymp").statistic)
            for a, b in zip(known.T, seen.T, strict=True)
        )

    return score


def psi_by_hand(data: Data) -> Score:
    """Return the largest index over columns, in tenths of the reference."""
    known = data.reference[:, data.columns]
    edges = np.quantile(known, np.linspace(0, 1, 11)[1:-1], axis=0).T

    def shares(rows: Rows) -> NDArray[np.float64]:
        found = [
            np.bincount(np.searchsorted(edge, column), minlength=10)
            for edge, column in zip(edges, rows.T, strict=True)
        ]
        result: NDArray[np.float64] = (np.array(found) + 0.5) / (len(rows) + 5)
        return result

    expected = shares(known)

    def score(place: int) -> float:
        seen = shares(data.window(place)[:, data.columns])
        return float(((seen - expected) * np.log(seen / expected)).sum(axis=1).max())

    return score


def alibi_ks(data: Data) -> Score:
    """Return the largest statistic over columns."""
    detector = import_module("alibi_detect.cd").KSDrift(data.reference[:, data.columns], p_val=0.01)

    def score(place: int) -> float:
        told = detector.predict(data.window(place)[:, data.columns])
        return float(told["data"]["distance"].max())

    return score


def alibi_classifier(data: Data) -> Score:
    """Return how well a logistic regression tells window from reference."""
    spread = data.reference[:, data.columns].std(axis=0)
    detector = import_module("alibi_detect.cd").ClassifierDrift(
        data.reference[:, data.columns] / spread,
        import_module("sklearn.linear_model").LogisticRegression(max_iter=100),
        p_val=0.01,
        backend="sklearn",
        preds_type="probs",
        seed=0,
    )

    def score(place: int) -> float:
        told = detector.predict(data.window(place)[:, data.columns] / spread)
        return float(told["data"]["distance"])

    return score


def evidently_model(data: Data) -> Score:
    """Return how well a classifier tells window from reference."""
    frame = import_module("pandas").DataFrame
    detect = import_module(_EVIDENTLY).model(threshold=0.55)
    known = frame(data.reference[:, data.columns])

    def score(place: int) -> float:
        return float(detect(frame(data.window(place)[:, data.columns]), known)[0])

    return score


_EVIDENTLY = "evidently.legacy.metrics.data_drift.embedding_drift_methods"
DETECTORS: dict[str, Callable[[Data], Score]] = {
    "alibi-detect KS": alibi_ks,
    "alibi-detect classifier": alibi_classifier,
    "evidently model": evidently_model,
    "scipy KS": scipy_ks,
    "scipy Wasserstein": scipy_wasserstein,
    "PSI by hand": psi_by_hand,
}


def most_memory() -> float:
    """Return megabytes; what ``getrusage`` says includes the process that started this one."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (peak,) = (line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def answer(path: Path, detectors: Mapping[str, Callable[[Data], Score]]) -> None:
    """Answer what is asked over standard input, until it ends."""
    data = Data(path)
    made: dict[str, Score] = {}
    once: dict[str, float] = {}
    told: float | list[float]
    for line in sys.stdin:
        verb, *words = line.rstrip("\n").split("\t")
        if verb == "memory":
            told = most_memory()
        else:
            name = words[0]
            if name not in made:
                began = time.process_time()
                made[name] = detectors[name](data)
                once[name] = time.process_time() - began
            if verb == "ready":
                told = once[name]
            elif verb == "score":
                first, last = map(int, words[1:])
                told = [made[name](place) for place in range(first, last)]
            else:
                began = time.process_time()
                made[name](0)
                told = time.process_time() - began
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    np.random.seed(0)
    answer(Path(sys.argv[1]), DETECTORS)
