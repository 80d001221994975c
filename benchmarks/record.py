"""The result file: ``runs/bench/<UTC>.json`` and ``runs/bench/latest.json``."""

import os
import platform
import shutil
from datetime import datetime
from pathlib import Path
from statistics import median

from pydantic import BaseModel, SerializeAsAny


class Machine(BaseModel):
    """Where a measurement was made."""

    processor: str
    cores: int
    system: str
    python: str

    @classmethod
    def this(cls) -> "Machine":
        """Return the machine that this runs on."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return cls(
            processor=_processor(),
            cores=cores or 1,
            system=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
        )


class Peer(BaseModel):
    """Another program at the same work; without a value it was not installed."""

    name: str
    value: float | None
    ratio: float | None
    """Above 1 where ours is better."""


class Row(BaseModel):
    """One measurement."""

    name: str
    value: float
    unit: str
    higher_is_better: bool
    samples: list[float]
    limit: float | None = None
    """What nothing on this machine can beat."""
    limit_ratio: float | None = None
    """How close to the limit ours is; 1 is at the limit."""
    peers: list[Peer] = []
    predicted: float | None = None
    """What a model said before it was measured."""

    @property
    def error(self) -> float | None:
        """By how much the prediction was wrong, as a share of what was measured."""
        if self.predicted is None or not self.value:
            return None
        return round(self.predicted / self.value - 1, 3)


class Report(BaseModel):
    """All measurements of one run."""

    started: datetime
    machine: Machine
    rows: list[SerializeAsAny[Row]]

    def write(self, folder: Path) -> Path:
        """Write the report under its time and as the latest."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.started:%Y%m%dT%H%M%SZ}.json"
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        shutil.copyfile(path, folder / "latest.json")
        return path


def row(
    name: str,
    unit: str,
    samples: dict[str, list[float]],
    *,
    higher_is_better: bool = False,
    peers: tuple[str, ...] = (),
) -> Row:
    """Return a row from interleaved samples: ``ours``, ``limit`` if there is one, and peers."""
    ours = median(samples["ours"])
    limit = median(samples["limit"]) if samples.get("limit") else None
    return Row(
        name=name,
        value=round(ours, 4),
        unit=unit,
        higher_is_better=higher_is_better,
        samples=[round(sample, 4) for sample in samples["ours"]],
        limit=None if limit is None else round(limit, 4),
        limit_ratio=None if limit is None else _better(limit, ours, not higher_is_better),
        peers=[_peer(peer, samples.get(peer, []), ours, higher_is_better) for peer in peers],
    )


def _peer(name: str, samples: list[float], ours: float, higher_is_better: bool) -> Peer:
    if not samples:
        return Peer(name=name, value=None, ratio=None)
    value = median(samples)
    ratio = _better(ours, value, higher_is_better)
    return Peer(name=name, value=round(value, 4), ratio=ratio)


def _better(first: float, second: float, higher_is_better: bool) -> float:
    """Return how many times better the first is; for a limit, swap the direction."""
    return round(first / second if higher_is_better else second / first, 3)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
