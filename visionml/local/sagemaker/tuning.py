"""Tuning jobs: training jobs with hyperparameters that a search chooses."""

import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Document, Store, now
from visionml.local.sagemaker.jobs import (
    STOP_GRACE_SECONDS,
    Job,
    JobFailed,
    JobStopped,
    Workplace,
)
from visionml.local.sagemaker.training import TrainingJob
from visionml.local.sagemaker.tuning_space import OBJECTIVE, Space

if TYPE_CHECKING:
    from visionml.local.sagemaker.tuning_search import Search, Trial

_TICK_SECONDS = 0.05
_MOST_FAILURES = 5
"""SageMaker gives up after this many training jobs when none has had a result."""
_IMPROVEMENT = 0.01
"""The share by which a result must beat the best so far to count as an improvement."""
EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
"""The static hyperparameters that Hyperband takes ``MaxResource`` from when it is not given."""
_PASSED_ON = (
    "RoleArn", "InputDataConfig", "VpcConfig", "OutputDataConfig", "ResourceConfig",
    "StoppingCondition", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining", "RetryStrategy", "Environment",
)  # fmt: skip


@dataclass(eq=False)
class Candidate:
    """A training job that a tuning job has launched."""

    job: TrainingJob
    trial: "Trial"
    evaluated: bool = False
    """Whether the job has ended and all its values have been heard."""

    @property
    def value(self) -> float | None:
        """The objective's last value when the job has ended with one, else None."""
        usable = self.evaluated and self.job.status != "Failed"
        return self.trial.values[-1] if usable and self.trial.values else None

    @property
    def objective_status(self) -> str:
        """How the objective stands: ``Pending``, ``Succeeded`` or ``Failed``."""
        if not self.evaluated:
            return "Pending"
        return "Failed" if self.value is None else "Succeeded"


@dataclass(eq=False)
class TuningJob(Job):
    """A tuning job and the training jobs that it has launched so far."""

    training: Store[TrainingJob] = field(default_factory=Store)
    """Where the training jobs are kept, among all others."""
    candidates: list[Candidate] = field(default_factory=list)

    kind = "hyper-parameter-tuning-job"
    word = "HyperParameterTuning"

    @property
    def event(self) -> str:
        """The type of the events that tell its state."""
        return "SageMaker HyperParameter Tuning Job State Change"

    @property
    def role(self) -> str:
        """The role that the training jobs work as."""
        return str(self.definition["RoleArn"])

    @property
    def config(self) -> Document:
        """What to search, and how."""
        return dict(self.request["HyperParameterTuningJobConfig"])

    @property
    def definition(self) -> Document:
        """What the training jobs have in common."""
        return dict(self.request["TrainingJobDefinition"])

    @property
    def objective(self) -> Document:
        """The metric and whether more of it is better."""
        return dict(self.config["HyperParameterTuningJobObjective"])

    def described(self) -> Document:
        """Return the description, with counters and the best training job so far."""
        with self.lock:
            static = {**self.definition.get("StaticHyperParameters", {}),
                      OBJECTIVE: self.objective["MetricName"]}  # fmt: skip
            best, idle = self._progress()
            end = self.facts.get("HyperParameterTuningEndTime", now())
            return {
                **super().described(),
                "Strategy": self.config["Strategy"],
                "ResourceLimits": self.config["ResourceLimits"],
                "TrainingJobDefinition": {**self.definition, "StaticHyperParameters": static},
                "TrainingJobStatusCounters": self._statuses(),
                "ObjectiveStatusCounters": {
                    "Succeeded": 0, "Pending": 0, "Failed": 0,
                    **Counter(each.objective_status for each in self.candidates),
                },
                "BestTrainingJob": self.summary(best) if best else None,
                "TuningJobCompletionDetails": {"NumberOfTrainingJobsObjectiveNotImproving": idle},
                "ConsumedResources": {
                    "RuntimeInSeconds": round((end - self.created).total_seconds())
                },
            }  # fmt: skip

    def summary(self, candidate: Candidate) -> Document:
        """Return a training job as lists of this tuning job show it."""
        job, value = candidate.job, candidate.value
        final = {**self.objective, "Value": value}
        return {
            **job.described(),
            "TuningJobName": self.name,
            "TrainingJobDefinitionName": self.definition.get("DefinitionName"),
            "TunedHyperParameters": candidate.trial.hyperparameters,
            "FinalHyperParameterTuningJobObjectiveMetric": None if value is None else final,
            "FinalObjectiveMetricValue": value,
            "ObjectiveStatus": candidate.objective_status,
        }

    def work(self, cloud: Cloud, place: Workplace) -> None:
        """Launch, follow and stop training jobs until enough have been tried."""
        del place
        search = self._search()
        limits = self.config["ResourceLimits"]
        most = limits.get("MaxNumberOfTrainingJobs") or int(self._space().combinations)
        deadline = time.monotonic() + limits.get("MaxRuntimeInSeconds", math.inf)
        try:
            while True:
                running = self._follow(search)
                self.check()
                if time.monotonic() >= deadline:
                    raise JobStopped(overdue=True)
                self._check_failures()
                if self._satisfied():
                    break
                free = min(limits["MaxParallelTrainingJobs"] - len(running),
                           most - len(self.candidates))  # fmt: skip
                for _ in range(free):
                    self._launch(search, cloud)
                if not running and free < 1:
                    break
                self.stopping.wait(_TICK_SECONDS)
        finally:
            self._end_training()
            self._follow(search)
        self._check_failures(last=True)

    def finish(self, status: str, *, reason: str = "", overdue: bool = False) -> None:
        """Record the end."""
        del overdue
        with self.lock:
            self.status = status
            self.learn(HyperParameterTuningEndTime=now())
            if reason:
                self.facts["FailureReason"] = reason

    def _space(self) -> Space:
        return Space.of(
            self.config["ParameterRanges"], self.definition.get("StaticHyperParameters", {})
        )

    def _search(self) -> "Search":
        # optuna is not loaded before somebody tunes
        from visionml.local.sagemaker.tuning_search import Hyperband, Search  # noqa: PLC0415

        strategy = self.config["Strategy"]
        least, most = resources(self.request)
        return Search(
            self._space(),
            strategy=strategy,
            maximise=self.objective["Type"] == "Maximize",
            jobs=self.config["ResourceLimits"].get("MaxNumberOfTrainingJobs", 1),
            seed=self.config.get("RandomSeed"),
            hyperband=Hyperband(least, most or least) if strategy == "Hyperband" else None,
            early_stopping=self.config.get("TrainingJobEarlyStoppingType") == "Auto",
        )

    def _launch(self, search: "Search", cloud: Cloud) -> None:
        trial = search.propose()
        name = f"{self.name}-{len(self.candidates) + 1:03d}-{token_hex(4)}"
        request = self._training_request(name, trial.hyperparameters)
        job = TrainingJob(
            scope=self.scope,
            name=name,
            arn=self.scope.arn(TrainingJob.kind, name),
            request=request,
            tags=dict(self.tags),
            facts={"TuningJobArn": self.arn},
        )
        job.prepare()
        with self.lock:
            self.training.add(job)
            self.candidates.append(Candidate(job, trial))
        job.start(cloud)

    def _training_request(self, name: str, tuned: dict[str, str]) -> Document:
        given = self.definition
        request: Document = {key: given[key] for key in _PASSED_ON if key in given}
        if "CheckpointConfig" in given:  # one job must not resume from another's checkpoint
            place = f"{given['CheckpointConfig']['S3Uri'].rstrip('/')}/{name}"
            request["CheckpointConfig"] = {**given["CheckpointConfig"], "S3Uri": place}
        return {
            **request,
            "TrainingJobName": name,
            "AlgorithmSpecification": given["AlgorithmSpecification"],
            "HyperParameters": {
                **given.get("StaticHyperParameters", {}),
                **tuned,
                OBJECTIVE: self.objective["MetricName"],
            },
        }

    def _follow(self, search: "Search") -> list[Candidate]:
        """Tell the search what has come out; return what still runs."""
        running = []
        for each in self.candidates:
            if each.evaluated:
                continue
            ended = each.job.ended.is_set()  # asked first: then the values are all of them
            values = [v for v in each.job.values(self.objective["MetricName"]) if math.isfinite(v)]
            hopeless = search.hear(each.trial, values)
            if ended:
                each.evaluated = True
                search.end(each.trial, each.value)
                self.learn()
                continue
            running.append(each)
            if hopeless:
                each.job.stop()
        return running

    def _check_failures(self, *, last: bool = False) -> None:
        """Give up when nothing has come of the first training jobs, or of all."""
        ended = [each for each in self.candidates if each.evaluated]
        if any(each.value is not None for each in ended) or not ended:
            return
        if not last and len(ended) < _MOST_FAILURES:
            return
        if any(each.job.status == "Completed" for each in ended):
            raise JobFailed(
                f"No objective metrics found after running {len(ended)} training jobs. Please "
                "ensure that the custom algorithm is emitting the objective metric as defined by "
                "the regular expression provided."
            )
        raise JobFailed(
            f"No training job succeeded after {len(ended)} attempts. For additional details, "
            "please take a look at the training job failures by listing training jobs for the "
            "hyperparameter tuning job."
        )

    def _satisfied(self) -> bool:
        """Tell whether a completion criterion is met."""
        criteria = self.config.get("TuningJobCompletionCriteria", {})
        target = criteria.get("TargetObjectiveMetricValue")
        patience = criteria.get("BestObjectiveNotImproving", {}).get(
            "MaxNumberOfTrainingJobsNotImproving"
        )
        best, idle = self._progress()
        if best and target is not None:
            ahead = self._sign * (best.trial.values[-1] - target)
            if ahead >= 0:
                return True
        return patience is not None and idle >= patience

    def _end_training(self) -> None:
        for each in self.candidates:
            each.job.stop()
        for each in self.candidates:
            each.job.wait(2 * STOP_GRACE_SECONDS)

    @property
    def _sign(self) -> float:
        return 1.0 if self.objective["Type"] == "Maximize" else -1.0

    def _progress(self) -> tuple[Candidate | None, int]:
        """Return the best completed training job, and how many since have not improved on it."""
        best: Candidate | None = None
        idle, mark = 0, -math.inf
        for each, value in self._results():
            score = self._sign * value
            idle = 0 if score > mark + _IMPROVEMENT * abs(mark) or best is None else idle + 1
            if score > mark or best is None:
                best, mark = each, score
        return best, idle

    def _results(self) -> Iterator[tuple[Candidate, float]]:
        for each in self.candidates:
            value = each.value
            if value is not None and each.job.status == "Completed":
                yield each, value

    def _statuses(self) -> dict[str, int]:
        counts: dict[str, int] = Counter(
            {"Stopping": "InProgress", "Failed": "NonRetryableError"}.get(
                each.job.status, each.job.status
            )
            for each in self.candidates
        )
        names = ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped")
        return {name: counts.get(name, 0) for name in names}


def resources(request: Document) -> tuple[int, int | None]:
    """Return Hyperband's least and most resources; the most is None when nothing names it."""
    strategy: dict[str, Any] = request["HyperParameterTuningJobConfig"].get("StrategyConfig", {})
    given = strategy.get("HyperbandStrategyConfig", {})
    static = request["TrainingJobDefinition"].get("StaticHyperParameters", {})
    most = given.get("MaxResource")
    if most is None:
        texts = [static[name].strip('"') for name in EPOCHS if name in static]
        most = next((int(text) for text in texts if text.isdecimal()), None)
    return given.get("MinResource", 1), most
