"""The two Lambda functions: which answers are looked at, and whose baselines are made."""

import importlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from tests.fakes.variables import VARIABLES
from visionml.cdk import bundle
from visionml.errors import InvalidInput

ENDED = {
    "source": "visionml.deployment",
    "detail-type": "Deployment Ended",
    "detail": {
        "outcome": "promoted",
        "model_version": "run-20261119-080000-a1b2",
        "challenger_version": "run-20261120-080000-c3d4",
    },
}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)

    def start(name: str) -> ModuleType:
        return importlib.import_module(f"visionml.monitoring.{name}")

    level = logging.getLogger().level
    yield start
    logging.getLogger().setLevel(level)  # which a function sets for its process


def test_the_schedule_asks_for_the_hour_whose_events_have_come(started: Any) -> None:
    order = started("drift_watcher").order_of({"time": "2026-11-20T11:07:30Z"})
    assert order.end == datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
    assert order.end - order.begin == timedelta(hours=1)


def test_a_person_asks_for_any_time(started: Any) -> None:
    order_of = started("drift_watcher").order_of
    asked = {"begin": "2026-11-20T10:00:00Z", "end": "2026-11-20T10:30:00Z"}
    assert order_of(asked).model_dump(mode="json") == asked
    with pytest.raises(ValidationError):
        order_of({**asked, "end": "noon"})


def test_a_rollouts_versions_get_baselines_the_challengers_too(started: Any) -> None:
    versions = started("baseline_maker")._versions
    assert versions(ENDED) == ["run-20261119-080000-a1b2", "run-20261120-080000-c3d4"]
    alone = {"detail": {"model_version": "run-1", "challenger_version": None}}
    assert versions(alone) == ["run-1"]
    for event in ({}, {"detail": None}, {"detail": {"outcome": "promoted"}}):
        with pytest.raises(InvalidInput, match="names no model version"):
            versions(event)


@pytest.mark.parametrize("module", ["drift_watcher", "baseline_maker"])
def test_what_the_image_holds_is_enough_to_start(module: str) -> None:
    with bundle.staged(bundle.VISION) as folder:
        code = f"import visionml.monitoring.{module}, visionml; print(visionml.__file__)"
        done = subprocess.run(
            [sys.executable, "-P", "-c", code],
            env={**os.environ, **VARIABLES, "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(folder)
