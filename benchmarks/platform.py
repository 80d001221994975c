"""The whole platform on an embedded AWS of its own, for what is measured there."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from visionml import workbench
from visionml.local import control
from visionml.local.state import FOLDER, Project
from visionml.workbench import Session

_SETTINGS = {
    "training.gates.minimum_accuracy": 0,
    "training.gates.minimum_macro_recall": 0,
    "training.gates.minimum_worst_class_recall": 0,
    "training.gates.maximum_calibration_error": 1,
    "serving.rollout.strategy": "all_at_once",
}
"""The models need not be good; it is not they that are measured."""


@contextlib.contextmanager
def platform() -> Iterator[Session]:
    """Deploy it to a temporary folder, and take it down."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        project = Project(Path(folder) / FOLDER)
        try:
            control.up(project)
            session = workbench.open("local", overrides=_SETTINGS, say=lambda _line: None)
            session.stacks.deploy()
            yield session
        finally:
            control.down(project)
