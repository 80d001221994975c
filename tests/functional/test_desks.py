"""The desks for runs, searches and SageMaker's SDK, on the run that all tests share."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.functional.platform import Deployed, Trained
from visionml.aws.s3 import Objects
from visionml.contracts.deployment import DeploymentOutcome
from visionml.desks import jobs
from visionml.desks.tuning import TuningJob
from visionml.errors import InvalidInput, JobFailed, NotFound
from visionml.local.state import Project
from visionml.plots import comparison, tuning

STUDIO = Path(__file__).parent / "programs" / "studio.py"
METRIC = "validation_accuracy"
RANGES: dict[str, Any] = {"learning_rate": (1e-6, 0.02), "batch_size": ["64", "256"]}


def described(platform: Deployed, job: str) -> dict[str, Any]:
    return dict(platform.session.aws.sagemaker.describe_training_job(TrainingJobName=job))


@pytest.fixture(scope="module")
def search(platform: Deployed, trained: Trained) -> TuningJob:
    return platform.session.tuning.start(
        trained.run, ranges=RANGES, jobs_in_all=2, strategy="Random", seed=3, epochs=1
    )


@pytest.fixture(scope="module")
def told(search: TuningJob) -> tuple[list[str], dict[str, Any]]:
    """What was said while the search ran, and its best job."""
    lines: list[str] = []
    return lines, search.watch(on_change=lines.append).rows


@pytest.fixture(scope="module")
def tried(search: TuningJob, told: object) -> pd.DataFrame:
    return search.jobs()


def quiet(_step: object) -> None:
    """Tell nobody of steps."""


def test_the_outcome_of_a_run_is_its_verdict(trained: Trained) -> None:
    outcome = trained.run.watch(on_step=quiet)
    assert (outcome.status, outcome.recommended) == ("registered", True)
    assert outcome.reason == trained.run.verdict().reason
    assert outcome.reason.endswith("recommended: it was compared with no serving model.")


def test_a_challenger_that_is_no_better_is_registered_but_not_recommended(
    platform: Deployed, promoted: DeploymentOutcome
) -> None:
    challenger = platform.start(platform.dataset, epochs=6, seed=1)
    outcome = challenger.watch(on_step=quiet)
    found = challenger.report().comparison
    assert found is not None
    assert found.champion_version == promoted.active_version
    assert found.wins is not None
    assert found.losses is not None
    assert found.difference == pytest.approx(
        (found.wins - found.losses) / challenger.report().images
    )
    assert (outcome.status, outcome.recommended) == ("registered", found.better)
    assert f"registered but not recommended: {found.reason}" in outcome.reason
    drawn = comparison.champion(challenger.report())
    left, right = drawn.figure.axes
    assert [text.get_text().strip() for text in left.texts] == [str(found.losses), str(found.wins)]
    assert "difference of the accuracies" in right.get_xlabel()
    assert platform.session.models.active() == promoted.active_version


def test_a_search_tells_how_far_it_is(told: tuple[list[str], dict[str, Any]]) -> None:
    assert told[0][-1].endswith("2 jobs completed, 0 running")


def test_a_search_lists_its_jobs_with_what_their_logs_say(
    platform: Deployed, tried: pd.DataFrame
) -> None:
    assert list(tried.index) == [1, 2]
    assert list(tried["status"]) == ["Completed", "Completed"]
    assert set(tried["batch_size"]) <= {64, 256}
    assert tried["learning_rate"].between(1e-6, 0.02).all()
    assert (tried["seconds"] > 0).all()
    for _, row in tried.iterrows():
        epochs = jobs.epochs(platform.session.runs._platform, row["training job"])
        assert [row["objective"]] == epochs[METRIC].tolist()


def test_the_best_job_is_the_one_with_the_highest_objective(
    tried: pd.DataFrame, told: tuple[list[str], dict[str, Any]]
) -> None:
    best = tried.loc[tried["objective"].idxmax()]
    assert told[1]["training job"] == best["training job"]
    assert told[1][METRIC] == f"{best['objective']:.4f}"
    assert float(told[1]["learning_rate"]) == pytest.approx(best["learning_rate"], rel=1e-3)


def test_a_search_trains_as_the_run_did_but_for_what_it_was_told(
    platform: Deployed, trained: Trained, tried: pd.DataFrame
) -> None:
    like = described(platform, trained.run.job)
    one = described(platform, tried["training job"][1])
    kept = {"seed", "architecture", "dataset", "dataset_version", "image_size"}
    assert {name: one["HyperParameters"][name] for name in kept} == {
        name: str(like["HyperParameters"][name]) for name in kept
    }
    assert one["HyperParameters"]["epochs"] == "1"
    assert one["HyperParameters"]["run_id"] != trained.run.run_id
    assert one["InputDataConfig"] == like["InputDataConfig"]
    folders = {each["OutputDataConfig"]["S3OutputPath"] for each in (one, like)}
    assert len(folders) == 2


def test_the_picture_of_a_search_shows_its_jobs(tried: pd.DataFrame) -> None:
    drawn = tuning.search(tried, objective=METRIC)
    steps, points = drawn.figure.axes[0].lines
    assert np.array_equal(points.get_ydata(), tried["objective"])
    assert np.array_equal(steps.get_ydata(), tried["objective"].cummax())
    assert {axes.get_xlabel() for axes in drawn.figure.axes[1:]} == {"batch size", "learning rate"}
    assert drawn.description.startswith(f"2 jobs; the best, job {tried['objective'].idxmax()}, ")


def test_a_search_without_any_result_says_so(platform: Deployed, trained: Trained) -> None:
    search = platform.session.tuning.start(
        trained.run, ranges={"learning_rates": (0.1, 0.2)}, jobs_in_all=1
    )
    with pytest.raises(JobFailed, match=f"{search.name} found nothing"):
        search.watch(on_change=lambda _line: None)
    assert list(search.jobs()["status"]) == ["Failed"]


def test_a_run_that_tuned_nothing_says_so(trained: Trained) -> None:
    with pytest.raises(NotFound, match="has tuned nothing"):
        _ = trained.run.tuning_job


def test_a_search_of_nothing_starts_nothing(platform: Deployed, trained: Trained) -> None:
    with pytest.raises(InvalidInput, match="nothing to search"):
        platform.session.tuning.start(trained.run, ranges={})


def test_sagemakers_sdk_trains_as_the_run_did_and_registers_nothing(
    platform: Deployed, trained: Trained, local_project: Project, tmp_path: Path
) -> None:
    known = set(platform.session.runs.table().index)
    done = subprocess.run(
        [sys.executable, str(STUDIO), trained.run.run_id],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        cwd=local_project.folder.parent,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    job, like = described(platform, told["job"]), described(platform, trained.run.job)
    assert told["card"]["status"] == job["TrainingJobStatus"] == "Completed"
    assert told["card"]["model"] == job["ModelArtifacts"]["S3ModelArtifacts"]
    assert Objects(platform.session.aws.s3).exists(told["card"]["model"])
    assert told["epochs"] == [1]
    assert float(job["HyperParameters"]["learning_rate"]) == 0.01
    for kept in ("RoleArn", "EnableNetworkIsolation", "EnableManagedSpotTraining"):
        assert job[kept] == like[kept]
    assert job["OutputDataConfig"]["KmsKeyId"] == like["OutputDataConfig"]["KmsKeyId"]
    assert set(platform.session.runs.table().index) == known
