"""The whole platform, deployed once to the shared embedded AWS, with the sample scans imported."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from visionml import workbench
from visionml.contracts.deployment import DeploymentOutcome
from visionml.contracts.evaluation import EvaluationReport
from visionml.dataset.samples import write_digits
from visionml.desks.datasets import Dataset
from visionml.desks.runs import TrainingRun
from visionml.local.state import Project, State
from visionml.workbench import Session

TRIGGERED = {
    "training.dataset": "triggered",
    "training.on_dataset_ready": True,
    "training.on_drift": True,
    "training.hyperparameters.epochs": 1,
}
"""Settings of the environment: only this dataset starts runs by itself, and short ones."""

BATCHES = {"batch.images_per_part": 4, "batch.parts_per_group": 2, "batch.inline_groups": 1}
"""A dozen images are a batch run of several groups."""

HYPERPARAMETERS: dict[str, Any] = {"epochs": 8, "batch_size": 64, "seed": 0}


@dataclass(frozen=True)
class Deployed:
    """A session on the deployed platform and the dataset versions imported there."""

    session: Session
    dataset: Dataset
    """All 1,797 scans."""
    few: Dataset
    """Ten scans of each digit: enough for a run that is to end badly."""
    few_files: Path
    """The folder that they were imported from."""

    def start(
        self, dataset: Dataset, *, run_id: str | None = None, **hyperparameters: Any
    ) -> TrainingRun:
        """Start a training run."""
        return self.session.runs.start(
            dataset.name, dataset.version, run_id=run_id, **{**HYPERPARAMETERS, **hyperparameters}
        )


@dataclass(frozen=True)
class Trained:
    """A run that ended well, and its evaluation."""

    run: TrainingRun
    steps: list[str]
    report: EvaluationReport


@pytest.fixture(scope="session")
def platform(
    aws_local: State, local_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Deployed:
    """The stacks of the environment ``local``, as `visionml deploy` leaves them."""
    with contextlib.chdir(local_project.folder.parent):
        overrides = {**TRIGGERED, **BATCHES}
        session = workbench.open("local", overrides=overrides, say=lambda _line: None)
        session.stacks.deploy()
    folder = write_digits(tmp_path_factory.mktemp("digits"))
    dataset = session.datasets.import_source(folder, name="digits")
    for label in folder.iterdir():
        for path in sorted(label.iterdir())[10:]:
            path.unlink()
    few = session.datasets.import_source(folder, name="few-digits")
    return Deployed(session, dataset, few, folder)


@pytest.fixture(scope="session")
def trained(platform: Deployed) -> Trained:
    """A model that passed its gate and is registered."""
    steps: list[str] = []
    run = platform.start(platform.dataset)
    run.watch(on_step=lambda step: steps.append(step.name))
    return Trained(run, steps, run.report())


@pytest.fixture(scope="session")
def another(platform: Deployed, trained: Trained) -> Trained:
    """A second model like it, drawn by another seed."""
    steps: list[str] = []
    run = platform.start(platform.dataset, seed=1)
    run.watch(on_step=lambda step: steps.append(step.name))
    return Trained(run, steps, run.report())


@pytest.fixture(scope="session")
def promoted(platform: Deployed, trained: Trained) -> DeploymentOutcome:
    """The trained model, in production."""
    return platform.session.models.promote(trained.run.run_id)
