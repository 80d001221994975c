"""The folder that one run leaves behind, and ``latest``, which points at the newest."""

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from visionml.contracts.summary import INDEX_FILE, SUMMARY_FILE, RunSummary
from visionml.errors import MachineUnfit

LATEST = "latest"


@dataclass(frozen=True)
class RunFolder:
    """``runs/<UTC>/``."""

    path: Path

    @property
    def index(self) -> Path:
        """The page that links everything."""
        return self.path / INDEX_FILE

    def executed(self, name: str) -> Path:
        """Return where a notebook's executed copy goes."""
        return self.path / f"{name}.ipynb"

    def page(self, name: str) -> Path:
        """Return where a notebook's rendered page goes."""
        return self.path / f"{name}.html"

    def read(self) -> RunSummary | None:
        """Return what ``summary.json`` says so far; None before the first notebook ended."""
        path = self.path / SUMMARY_FILE
        return RunSummary.model_validate_json(path.read_bytes()) if path.exists() else None

    def write(self, summary: RunSummary) -> None:
        """Write ``summary.json`` in one step, so that a reader never sees half of it."""
        temporary = self.path / f".{SUMMARY_FILE}"
        temporary.write_text(summary.model_dump_json(indent=2) + "\n", encoding="utf-8")
        temporary.replace(self.path / SUMMARY_FILE)


def create(parent: Path, *, now: datetime | None = None) -> RunFolder:
    """Create a new run's folder below `parent` and point ``latest`` at it.

    Raises
    ------
    MachineUnfit
        The folder cannot be written.
    """
    stamp = f"{(now or datetime.now(UTC)).astimezone(UTC):%Y%m%dT%H%M%SZ}"
    try:
        path = _new(parent, stamp)
        link = parent / f".{LATEST}"
        link.unlink(missing_ok=True)
        link.symlink_to(path.name, target_is_directory=True)
        link.replace(parent / LATEST)
    except OSError as error:
        raise MachineUnfit(
            f"The folder {parent / stamp} cannot be written: {error.strerror}.",
            hint="Make room on the disk, or run this in a folder of yours.",
        ) from error
    return RunFolder(path)


def _new(parent: Path, stamp: str) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 100):
        path = parent / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            path.mkdir()
        except FileExistsError:  # another run began in the same second
            continue
        return path
    raise FileExistsError(os.strerror(17))


def commit(project: Path) -> str | None:
    """Return the commit that the project's working tree is at, None outside of a repository."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(project), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
