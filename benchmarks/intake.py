"""Intake on the embedded AWS: one image all the way, and a burst of which nothing may be lost.

Both go the way that they go in an account: S3, EventBridge, SQS, the receiver, the detector's
machine with its functions, Rekognition, DynamoDB. Labels come from a model of the drawn animals.
"""

import os
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pandas as pd
import psutil

from benchmarks.photos import photo
from benchmarks.platform import platform
from benchmarks.record import Row, row
from visionml.contracts.images import ProcessingStatus
from visionml.errors import VisionmlError
from visionml.local import processes
from visionml.local.state import FOLDER
from visionml.workbench import Session

BURST = int(os.environ.get("BENCH_BURST_IMAGES", "300"))
ROUNDS = 7
_ENDED = {ProcessingStatus.ORGANISED, ProcessingStatus.UNCERTAIN}
_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 3600.0


def intake_one_image() -> Row:
    """Measure from the start of an upload of 2 megapixels to the image in its folder."""
    return _rows()[0]


def intake_burst() -> Row:
    """Measure images a second from the first upload of a burst to the last image's end."""
    return _rows()[1]


def intake_burst_memory() -> Row:
    """Measure the most that the embedded AWS and all functions held at once during the burst."""
    return _rows()[2]


@cache
def _rows() -> tuple[Row, Row, Row]:
    with platform() as session, tempfile.TemporaryDirectory() as folder:
        session.detector.prepare()
        singles = [_one(session, Path(folder), number) for number in range(ROUNDS + 1)][1:]
        with _memory(Path.cwd() / FOLDER) as most:
            rate = _burst(session, Path(folder))
    return (
        row("intake_one_image", "s", {"ours": singles}),
        row("intake_burst", "images/s", {"ours": [rate]}, higher_is_better=True),
        row("intake_burst_memory", "MiB", {"ours": [max(most)]}),
    )


def _one(session: Session, folder: Path, number: int) -> float:
    file = _distinct(photo("2mp"), folder / f"one-{number}.jpg", number)
    began = time.perf_counter()
    sent = session.images.upload(file)
    session.images.wait(
        sent,
        patience_seconds=_PATIENCE_SECONDS,
        sleep=lambda _seconds: time.sleep(_LOOK_SECONDS),
    )
    return time.perf_counter() - began


def _burst(session: Session, folder: Path) -> float:
    """Return images a second.

    Raises
    ------
    VisionmlError
        One was lost, or did not end where it should.
    """
    image, files = photo("0.3mp"), folder / "burst"
    files.mkdir()
    for number in range(BURST):
        _distinct(image, files / f"{number}.jpg", 1000 + number)
    began = time.perf_counter()
    sent = session.images.upload(files)
    ended = session.images.wait(sent, patience_seconds=_PATIENCE_SECONDS)
    seconds = time.perf_counter() - began
    _check(sent, ended)
    return BURST / seconds


def _check(sent: pd.DataFrame, ended: pd.DataFrame) -> None:
    wrong = ended[~ended["status"].isin([status.value for status in _ENDED])]
    if sent["image"].nunique() != BURST or len(ended) != BURST or len(wrong):
        raise VisionmlError(
            f"Of {BURST} images {sent['image'].nunique()} were sent and {len(ended)} ended,"
            f" {len(wrong)} of them elsewhere than in a folder."
        )


def _distinct(image: bytes, path: Path, number: int) -> Path:
    """Write a JPEG file that differs from others by a comment only."""
    comment = struct.pack(">HHQ", 0xFFFE, 2 + 8, number)
    path.write_bytes(image[:2] + comment + image[2:])
    return path


@contextmanager
def _memory(project: Path) -> Iterator[list[float]]:
    """Give a list that grows by the mebibytes that the project's processes hold, twice a second."""
    samples, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.5):
            samples.append(sum(map(_resident, processes.of_project(project))) / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield samples
    finally:
        stop.set()
        watcher.join()


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss)
    except psutil.Error:
        return 0.0
