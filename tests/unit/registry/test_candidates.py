"""The best model of a run is looked up, by the metric and direction asked for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes import events
from tests.fakes.parameters import MemoryParameters
from tests.fakes.sagemaker_jobs import MemoryJobs
from visionml.aws.jobs import Job, Trial
from visionml.contracts.registry import VersionRecord
from visionml.contracts.training import CandidateRequest, Chosen
from visionml.errors import InvalidInput, JobFailed, NotFound
from visionml.registry.candidates import choose
from visionml.registry.versions import Versions

BASE = events.load("run_planner")["request"]


def trained(name: str, value: float | None = None, *, status: str = "Completed") -> Job:
    metrics = {} if value is None else {"validation_accuracy": value, "validation_loss": value}
    return Job(name, status, artefact=f"s3://models/{name}", metrics=metrics)


def trial(name: str, value: float | None, *, status: str = "Completed") -> Trial:
    return Trial(name, status, value, {"learning_rate": name})


def asked(*, direction: str = "Maximize", **jobs: str) -> CandidateRequest:
    metric = "validation_accuracy" if direction == "Maximize" else "validation_loss"
    objective = {"metric": metric, "direction": direction}
    wanted = {"ranges": {"learning_rate": ["a"]}, "objective": objective}
    request = {**BASE, "mode": "both", "tuning": wanted}
    return CandidateRequest.model_validate({"request": request, **jobs})


def chosen(request: CandidateRequest, jobs: MemoryJobs, **parameters: Any) -> Chosen:
    versions = Versions(MemoryParameters(), "ml-pipeline")
    return choose(request, jobs=jobs, versions=parameters.get("versions", versions))


TRIALS = [
    trial("a", 0.7),
    trial("b", 0.9),
    trial("c", 0.99, status="Failed"),
    trial("d", None),
    trial("e", 0.8),
]
JOBS = [trained(each.name) for each in TRIALS]


@pytest.mark.parametrize(("direction", "best"), [("Maximize", "b"), ("Minimize", "a")])
def test_the_best_job_of_a_tuning_is_the_best_one_that_ended_well(
    direction: str, best: str
) -> None:
    found = chosen(
        asked(direction=direction, tuning_job="t"), MemoryJobs(*JOBS, trials=TRIALS)
    ).candidate
    assert (found.job, found.artefact_s3_uri) == (best, f"s3://models/{best}")
    assert found.tuned == {"learning_rate": best}


@pytest.mark.parametrize(
    ("value", "best"),
    [(0.95, "train"), (0.9, "train"), (0.85, "b"), (None, "b"), (float("nan"), "b")],
)
def test_the_better_of_tuned_and_trained_wins(value: float | None, best: str) -> None:
    jobs = MemoryJobs(*JOBS, trained("train", value), trials=TRIALS)
    found = chosen(asked(tuning_job="t", training_job="train"), jobs).candidate
    assert found.job == best


def test_a_run_that_only_trains_needs_no_figure() -> None:
    request = CandidateRequest.model_validate(events.load("candidate_chooser"))
    name = str(request.training_job)
    found = chosen(request, MemoryJobs(trained(name))).candidate
    assert (found.job, found.value) == (name, None)


def test_a_tuning_that_told_nothing_has_no_best_job() -> None:
    jobs = MemoryJobs(*JOBS, trials=[trial("d", None), trial("c", 0.9, status="Failed")])
    with pytest.raises(JobFailed, match="told validation_accuracy"):
        chosen(asked(tuning_job="t"), jobs)


def test_a_job_without_a_model_is_no_candidate() -> None:
    with pytest.raises(JobFailed, match="left no model: it is Failed"):
        chosen(asked(training_job="x"), MemoryJobs(trained("x", 0.9, status="Failed")))
    with pytest.raises(NotFound):
        chosen(asked(training_job="gone"), MemoryJobs())
    with pytest.raises(InvalidInput):
        chosen(asked(), MemoryJobs())


def test_the_champion_is_the_version_in_production() -> None:
    versions = Versions(MemoryParameters(), "ml-pipeline")
    record = VersionRecord(
        version="run-20260101-120000-abcd",
        model_package_arn="arn",
        artefact="s3://models/champion",
        image="vision:1",
        metrics={},
        dataset="digits",
        dataset_version="v1",
        created=datetime.now(UTC),
    )
    versions.activate(record.version)
    jobs = MemoryJobs(trained("x", 0.9))
    assert chosen(asked(training_job="x"), jobs, versions=versions).champion is None
    versions.write(record)
    champion = chosen(asked(training_job="x"), jobs, versions=versions).champion
    assert champion
    assert (champion.version, champion.artefact_s3_uri) == (record.version, record.artefact)
