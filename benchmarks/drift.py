"""Drift: how often shifted windows are found, at what rate of false alarms, and how fast.

A baseline of 5,000 images and windows of 1,000, of scans and of photographs, each read by two
networks that were trained anew: detectors that do well on one embedding may fail on another.
Everything runs in a process of its own on one core. Ours keeps to the threshold that it found on
its baseline; peers are given one that they could not know, the largest score of 50 windows without
drift, so that all of them are compared at nearly the same rate of false alarms.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import drift_images
from benchmarks.drift_images import SHIFTS
from benchmarks.record import Peer, Row, row
from visionml.monitoring.window import Floats, Window

PEERS = (
    "alibi-detect KS",
    "alibi-detect classifier",
    "evidently model",
    "scipy KS",
    "scipy Wasserstein",
    "PSI by hand",
)
_PYTHON = Path(".venv-peers/drift/bin/python")
_REFERENCE, _WINDOW = 5000, 1000
_POOL = 12_000
_NULLS, _SHIFTED = 50, 25
_ROUNDS = 5
_TRAININGS = 2


class DriftRow(Row):
    """`drift_power`, with what it is made of."""

    false_alarm_rate: float
    """Of ours, over all windows without drift; it is set to 0.01."""
    power: dict[str, float]
    peer_power: dict[str, dict[str, float]]
    by_training: dict[str, dict[str, float]]
    """Ours, by kind of images and training."""


class _Process:
    """A process that scores windows."""

    def __init__(self, command: list[str]) -> None:
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self.running = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | one,
        )

    def ask(self, *words: object) -> Any:
        """Return what is answered, or None where a detector is not there."""
        assert self.running.stdin is not None
        assert self.running.stdout is not None
        self.running.stdin.write("\t".join(map(str, words)) + "\n")
        self.running.stdin.flush()
        line = self.running.stdout.readline()
        return json.loads(line) if line else None


@contextmanager
def _process(command: list[str]) -> Iterator[_Process]:
    found = _Process(command)
    try:
        yield found
    finally:
        found.running.kill()
        found.running.communicate()


@cache
def _measured() -> dict[str, Any]:
    """Return scores by training and detector, seconds, and what else was found on the way."""
    scores: dict[str, dict[str, list[float]]] = {}
    seconds: dict[str, list[float]] = {}
    once: list[float] = []
    memory = 0.0
    for name, data in _trainings():
        with tempfile.TemporaryDirectory() as folder:
            path = _written(data, Path(folder))
            ours = [sys.executable, "-m", "benchmarks.drift_ours", str(path)]
            with _process(ours) as process:
                process.ask("ready", "warm")
                once.append(process.ask("ready", "ours"))
                found = {"ours": process.ask("score", "ours", 0, len(data["windows"]))}
                memory = max(memory, process.ask("memory"))
            found |= _of_peers(path, len(data["windows"]))
            if not seconds:
                seconds = _seconds(ours, path, [peer for peer in PEERS if peer in found])
        scores[name] = found
    return {"scores": scores, "seconds": seconds, "once": once, "memory": memory}


def _written(data: dict[str, Any], folder: Path) -> Path:
    """Write the windows so that whoever needs one does not have to hold all."""
    path = folder / "data.npz"
    np.save(folder / "windows.npy", data["windows"])
    np.savez(path, **{name: value for name, value in data.items() if name != "windows"})
    return path


def _of_peers(path: Path, windows: int) -> dict[str, list[float]]:
    """Return the scores of each peer that is there, from a process of its own."""
    found = {}
    for peer in PEERS if _PYTHON.exists() else ():
        with _process(_theirs(path)) as process:
            scores = process.ask("score", peer, 0, windows)
        if scores is not None:
            found[peer] = scores
    return found


def _theirs(path: Path) -> list[str]:
    return [str(_PYTHON), "-m", "benchmarks.drift_peer", str(path)]


def _seconds(ours: list[str], path: Path, peers: list[str]) -> dict[str, list[float]]:
    """Return the processor seconds of one window, each asked in turn."""
    samples: dict[str, list[float]] = {name: [] for name in ("ours", *peers)}
    with _process(ours) as first, _process(_theirs(path) if peers else ours) as second:
        for number in range(_ROUNDS + 1):
            taken = {"ours": min(first.ask("time", "ours") for _ in range(10))}
            taken |= {peer: second.ask("time", peer) for peer in peers}
            for name, value in taken.items():
                if number:  # the first round warms up
                    samples[name].append(value)
    return samples


def _trainings() -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in (drift_images.scans(), drift_images.photographs()):
        for seed in range(_TRAININGS):
            reader = drift_images.Reader(kind, seed=seed)
            yield f"{kind.name} {seed + 1}", _data(reader, seed)


def _data(reader: drift_images.Reader, seed: int) -> dict[str, Any]:
    """Return a baseline, windows without drift and windows of each shift, as arrays."""
    rng = np.random.default_rng([seed, 3])
    pools = drift_images.pools(reader, images=_POOL, seed=seed)
    order = rng.permutation(_POOL)
    reference = pools["none"].take(order[:_REFERENCE])
    rest = {**pools, "none": pools["none"].take(order[_REFERENCE:])}
    wanted = ["none"] * _NULLS + [shift for shift in SHIFTS for _ in range(_SHIFTED)]
    windows = [drift_images.window(rest, shift, images=_WINDOW, rng=rng) for shift in wanted]
    return {
        "reference": _rows(reference),
        "labels": reference.labels,
        "windows": np.stack([_rows(window) for window in windows]),
        "window_labels": np.stack([window.labels for window in windows]),
        "statistics": len(reference.names),
        "classes": len(reference.classes),
    }


def _rows(window: Window) -> Floats:
    assert window.embeddings is not None
    parts = (window.statistics, window.embeddings, window.probabilities)
    return np.concatenate(parts, axis=1).astype(np.float32)


def _shares(scores: list[float], threshold: float) -> dict[str, float]:
    found = np.array(scores) > threshold
    starts = range(_NULLS, len(found), _SHIFTED)
    return {
        shift: round(float(found[start : start + _SHIFTED].mean()), 4)
        for shift, start in zip(SHIFTS, starts, strict=True)
    }


def _mean(shares: list[dict[str, float]]) -> dict[str, float]:
    return {shift: round(float(np.mean([each[shift] for each in shares])), 4) for shift in SHIFTS}


def drift_power() -> DriftRow:
    """Measure the share of shifted windows that are found, over shifts and trainings."""
    scores = _measured()["scores"]
    ours = {name: _shares(found["ours"], 1.0) for name, found in scores.items()}
    false = [score > 1 for found in scores.values() for score in found["ours"][:_NULLS]]
    theirs = {
        peer: _mean([_shares(found[peer], max(found[peer][:_NULLS])) for found in scores.values()])
        for peer in PEERS
        if all(peer in found for found in scores.values())
    }
    samples = [float(np.mean(list(each.values()))) for each in ours.values()]
    value = float(np.mean(samples))
    return DriftRow(
        name="drift_power",
        value=round(value, 4),
        unit="share of shifted windows found",
        higher_is_better=True,
        samples=[round(sample, 4) for sample in samples],
        peers=[_peer(peer, theirs.get(peer), value) for peer in PEERS],
        false_alarm_rate=round(float(np.mean(false)), 4),
        power=_mean(list(ours.values())),
        peer_power=theirs,
        by_training=ours,
    )


def _peer(name: str, power: dict[str, float] | None, ours: float) -> Peer:
    if power is None:
        return Peer(name=name, value=None, ratio=None)
    value = float(np.mean(list(power.values())))
    return Peer(name=name, value=round(value, 4), ratio=round(ours / max(value, 1e-6), 3))


def drift_seconds_per_window() -> Row:
    """Measure a whole report on a window of 1,000 images."""
    samples = _measured()["seconds"]
    found = row("drift_seconds_per_window", "s", samples, peers=PEERS)
    return found.model_copy(
        update={
            "value": round(float(np.median(samples["ours"])), 6),
            "samples": [round(sample, 6) for sample in samples["ours"]],
        }
    )


def drift_baseline_seconds() -> Row:
    """Measure what a baseline of 5,000 images takes, once."""
    return row("drift_baseline_seconds", "s", {"ours": _measured()["once"]})


def drift_memory() -> Row:
    """Measure the largest memory of the process that made the baseline and all reports."""
    return row("drift_memory", "MB", {"ours": [_measured()["memory"]]})
