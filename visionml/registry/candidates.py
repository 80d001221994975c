"""The best model of a run, looked up in SageMaker by the metric and direction asked for."""

import math

from visionml.aws.jobs import Job, Trial
from visionml.contracts.training import (
    OBJECTIVE,
    Candidate,
    CandidateRequest,
    Champion,
    Chosen,
    Objective,
)
from visionml.errors import InvalidInput, JobFailed
from visionml.registry.ports import JobReader
from visionml.registry.versions import Versions


def choose(asked: CandidateRequest, *, jobs: JobReader, versions: Versions) -> Chosen:
    """Return the run's best model, and the one in production that it has to beat.

    Raises
    ------
    InvalidInput
        No job is named.
    JobFailed
        No job of the tuning has told the metric, or a job has left no model.
    NotFound
        A named job is gone.
    """
    objective = asked.request.tuning.objective if asked.request.tuning else OBJECTIVE
    found = []
    if asked.training_job:
        found.append(_trained(jobs.describe("training", asked.training_job), objective))
    if asked.tuning_job:
        found.append(_tuned(asked.tuning_job, objective, jobs=jobs))
    if not found:
        raise InvalidInput(f"No job of {asked.request.run_id} is named, so none can be chosen.")
    best = max(found, key=lambda candidate: _rank(candidate.value, objective))
    return Chosen(candidate=best, champion=_champion(versions))


def _trained(job: Job, objective: Objective) -> Candidate:
    return Candidate(
        job=job.name,
        artefact_s3_uri=_artefact(job),
        metric=objective.metric,
        value=job.metrics.get(objective.metric),
    )


def _tuned(tuning_job: str, objective: Objective, *, jobs: JobReader) -> Candidate:
    """Return the best of a tuning's jobs; SageMaker's own choice is not taken on trust."""
    told = [
        trial
        for trial in jobs.trials(tuning_job)
        if trial.status == "Completed" and trial.value is not None
    ]
    if not told:
        raise JobFailed(
            f"No job of the tuning {tuning_job} has ended well and told {objective.metric}.",
            hint="The jobs' logs say why; their FailureReason too.",
        )
    best: Trial = max(told, key=lambda trial: _rank(trial.value, objective))
    return Candidate(
        job=best.name,
        artefact_s3_uri=_artefact(jobs.describe("training", best.name)),
        metric=objective.metric,
        value=best.value,
        tuned=dict(best.tuned),
    )


def _artefact(job: Job) -> str:
    if not job.completed or not job.artefact:
        raise JobFailed(
            f"The training job {job.name} has left no model: it is {job.status}.",
            hint="Its log and its FailureReason say why.",
        )
    return job.artefact


def _rank(value: float | None, objective: Objective) -> float:
    """Return what is greater for the better job; nothing told is worst."""
    if value is None or math.isnan(value):
        return -math.inf
    return value if objective.direction == "Maximize" else -value


def _champion(versions: Versions) -> Champion | None:
    """Return the model in production; one whose record is gone cannot be compared with."""
    active = versions.active()
    record = versions.find(active) if active else None
    return Champion(version=record.version, artefact_s3_uri=record.artefact) if record else None
