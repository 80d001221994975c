"""Photographs that this project did not make: imported, trained and evaluated as they are."""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.fakes import photographs
from tests.functional.platform import Deployed
from visionml.cli.main import app
from visionml.contracts.dataset import SPLITS
from visionml.contracts.model import IMAGE_SIZES
from visionml.desks.datasets import Dataset
from visionml.desks.runs import TrainingRun
from visionml.errors import GateFailed
from visionml.local.state import Project

CHANCE = 1 / len(photographs.SCENES)


@dataclass(frozen=True)
class Imported:
    """A folder of photographs as a dataset version."""

    told: dict[str, Any]
    """What the command line said."""
    dataset: Dataset
    reasons: dict[str, str]
    """Why each odd file has to be refused."""


@pytest.fixture(scope="module")
def at_home(platform: Deployed, local_project: Project) -> Iterator[None]:
    """The command line finds the embedded AWS by the folder that it is called in."""
    with contextlib.chdir(local_project.folder.parent):
        yield


def command(*words: str) -> tuple[dict[str, Any], BaseException | None]:
    """Run ``visionml``; return what it printed and why it ended badly."""
    result = CliRunner().invoke(app, [*words, "--json"])
    return json.loads(result.stdout or "{}"), result.exception


@pytest.fixture(scope="module")
def imported(
    platform: Deployed, at_home: None, tmp_path_factory: pytest.TempPathFactory
) -> Imported:
    folder = photographs.write(tmp_path_factory.mktemp("photographs"))
    reasons = photographs.write_odd(folder)
    words = ("dataset", "import", str(folder), "--name", "photographs")
    told, fault = command(*words, "--group", photographs.GROUP_PATTERN)
    assert fault is None
    return Imported(told, platform.session.datasets.open("photographs"), reasons)


@pytest.fixture(scope="module")
def run(platform: Deployed, imported: Imported) -> TrainingRun:
    """A narrow ResNet-18, trained for seconds; the gates may refuse it."""
    settings = ("epochs=4", "learning_rate=0.002", "width=16", "batch_size=16")
    chosen = [word for setting in settings for word in ("--set", setting)]
    words = ("train", "--dataset", "photographs", "--architecture", "resnet18", *chosen)
    _, fault = command(*words)
    assert fault is None or isinstance(fault, GateFailed)
    runs = platform.session.runs.table()
    (run_id,) = runs[runs["dataset"] == "photographs"].index
    return platform.session.runs.open(run_id)


def test_what_is_no_good_is_left_out_with_its_reason(imported: Imported) -> None:
    refused = imported.dataset.refused().set_index("file")
    assert refused["reason"].to_dict() == imported.reasons
    assert refused["detail"].str.endswith(".").all()
    assert imported.told["refused"] == len(imported.reasons)


def test_unusual_files_are_read_as_photographs(imported: Imported) -> None:
    names = imported.dataset.manifest()["key"].str.rsplit("/", n=1).str[-1]
    for kept in ("print", "turned", "palette", "deep"):
        assert names.str.startswith((f"tile-1-00-{kept}.", f"tile-1-01-{kept}.")).any(), kept
    assert set(imported.dataset.manifest()["format"]) == {"jpeg", "png", "webp"}
    assert imported.dataset.manifest()["width"].nunique() > 50


def test_pieces_that_overlap_stand_on_one_side(imported: Imported) -> None:
    manifest = imported.dataset.manifest()
    assert manifest["group"].str.fullmatch(photographs.GROUP_PATTERN).all()
    assert manifest.groupby("group")["split"].nunique().max() == 1
    assert (imported.dataset.counts()[list(SPLITS)] >= 5).all(axis=None)


def test_a_resnet_learns_the_scenes_at_its_own_size(run: TrainingRun) -> None:
    report = run.report()
    assert report.record is not None
    assert report.record.architecture == "resnet18"
    assert report.record.input.height == report.record.input.width == IMAGE_SIZES["resnet18"]
    assert set(report.classes) == set(photographs.SCENES)
    assert report.accuracy > 3 * CHANCE
    assert report.intervals["accuracy"][0] > 2 * CHANCE
    assert {name for name, slices in report.slices.items() if len(slices) > 1} == set(report.slices)


def test_the_gates_say_what_they_think_of_it_in_numbers(
    platform: Deployed, run: TrainingRun
) -> None:
    node = run._node()
    verdict = run.verdict()
    assert node.status == ("registered" if verdict.passed else "rejected")
    assert node.facts["reason"] == verdict.reason
    assert f"{run.report().images} holdout images" in verdict.reason
    assert re.search(r"accuracy \d\.\d{4}", verdict.reason)
    registered = set(platform.session.models.registered().index)
    assert (run.run_id in registered) is verdict.passed
