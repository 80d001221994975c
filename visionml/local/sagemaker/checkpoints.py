"""A training job's checkpoint folder, kept in step with its prefix in S3."""

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from visionml.local.sagemaker.core import Document
from visionml.local.sagemaker.jobs import Workplace
from visionml.local.sagemaker.objects import DataRefused, Location

LOCAL_PATH = "/opt/ml/checkpoints"
_Stamp = tuple[int, float]


@dataclass
class Checkpoints:
    """Brings back what an earlier run has left, and copies out what the job writes."""

    folder: Path
    place: Workplace
    target: Location | None
    _seen: dict[Path, _Stamp] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Document | None, place: Workplace, host: Path) -> "Checkpoints":
        """Return the checkpoints that a job's ``CheckpointConfig`` asks for, brought back."""
        config = config or {}
        folder = host / Path(config.get("LocalPath", LOCAL_PATH)).relative_to("/opt/ml")
        folder.mkdir(parents=True, exist_ok=True)
        if not config:
            return cls(folder, place, None)
        with contextlib.suppress(DataRefused):  # the first run finds nothing
            place.objects.fetch(place.objects.under(f"{config['S3Uri'].rstrip('/')}/"), folder)
        made = cls(folder, place, Location.of(config["S3Uri"]))
        made._seen = made._present()
        return made

    def sync(self, *, settled: float = 0) -> None:
        """Copy to S3 what is new, and has not been written to for `settled` seconds."""
        if self.target is None:
            return
        for path, stamp in self._present().items():
            if self._seen.get(path) == stamp or time.time() - stamp[1] < settled:
                continue
            self.place.objects.put(path, self.target.below(*path.relative_to(self.folder).parts))
            self._seen[path] = stamp

    def _present(self) -> dict[Path, _Stamp]:
        found: dict[Path, _Stamp] = {}
        for path in sorted(self.folder.rglob("*")):
            with contextlib.suppress(FileNotFoundError):  # replaced or removed meanwhile
                if path.is_file():
                    status = path.stat()
                    found[path] = (status.st_size, status.st_mtime)
        return found
