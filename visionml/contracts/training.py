"""The input of the training machine and of the jobs it starts."""

import secrets
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from visionml.contracts.dataset import DatasetName
from visionml.contracts.evaluation import Verdict
from visionml.contracts.model import (
    LARGEST_IMAGE_SIZE,
    SMALLEST_IMAGE_SIZE,
    default_image_size,
)
from visionml.contracts.preparation import ShardPlace

BELOW_GATE = "ModelBelowGate"
"""The error with which the training machine ends when the model did not pass."""

START_STEP = "PlanRun"
"""The training machine's first step, which refuses a run id that is taken."""

METRICS = ("train_loss", "validation_loss", "validation_accuracy")
"""What the training job logs after each epoch as ``name=value``."""

IDENTITY = ("run_id", "dataset", "dataset_version", "architecture", "image_size")
"""Hyperparameters that are facts of the run: neither given freely nor tuned."""

RunId = Annotated[str, Field(pattern=r"^run-[0-9]{8}-[0-9]{6}-[0-9a-f]{4}$")]
StepName = Literal["prepare", "tune", "train", "evaluate"]
STEPS: tuple[StepName, ...] = ("prepare", "tune", "train", "evaluate")
"""The steps of a run that are jobs, in their order."""

Texts = dict[str, Annotated[str, BeforeValidator(str)]]


def new_run_id(now: datetime | None = None, *, token: str | None = None) -> str:
    """Return ``run-YYYYMMDD-HHMMSS-xxxx``: it sorts by time and is the model's version.

    `token` are its last four hexadecimal digits, drawn by chance when there are none.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return f"run-{moment:%Y%m%d-%H%M%S}-{token or secrets.token_hex(2)}"


class Objective(BaseModel):
    """The figure that says which model is better; `metric` is one that the job logs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str = "validation_accuracy"
    direction: Literal["Maximize", "Minimize"] = "Maximize"

    @field_validator("metric")
    @classmethod
    def _logged(cls, metric: str) -> str:
        if metric not in METRICS:
            raise ValueError(f"{metric!r} is not logged; known are {', '.join(METRICS)}")
        return metric


OBJECTIVE = Objective()


class NumberRange(BaseModel):
    """The numbers that tuning tries for one hyperparameter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min: float
    max: float
    scale: Literal["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"] = "Auto"
    integer: bool
    """Whole numbers only; where it is not said, both ends being whole numbers says so."""

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, given: Any) -> Any:
        if isinstance(given, dict) and "integer" not in given:
            ends = (given.get("min"), given.get("max"))
            return {**given, "integer": all(isinstance(end, int) for end in ends)}
        return given

    @model_validator(mode="after")
    def _consistent(self) -> "NumberRange":
        if self.min >= self.max:
            raise ValueError("min must be smaller than max")
        if self.scale == "Logarithmic" and self.min <= 0:
            raise ValueError("a logarithmic range must lie above 0")
        if self.scale == "ReverseLogarithmic" and not 0 <= self.min < self.max < 1:
            raise ValueError("a reverse logarithmic range must lie between 0 and 1")
        return self


Choices = Annotated[list[Annotated[str, BeforeValidator(str)]], Field(min_length=1, max_length=30)]


class TuningRequest(BaseModel):
    """How to search for hyperparameters, and which figure says that a model is better."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ranges: Annotated[dict[str, NumberRange | Choices], Field(min_length=1, max_length=30)]
    """By hyperparameter: ``{"min": 1e-4, "max": 1e-2, "scale": "Logarithmic"}`` or a list."""
    strategy: Literal["Bayesian", "Random", "Grid", "Hyperband"] = "Bayesian"
    max_jobs: Annotated[int, Field(ge=1, le=750)] = 6
    """Not used by ``Grid``, which tries every combination."""
    max_parallel: Annotated[int, Field(ge=1, le=100)] = 2
    objective: Objective = OBJECTIVE
    early_stopping: bool = False
    """Stop jobs that promise no better figure; ``Hyperband`` does so by itself."""
    resources: tuple[int, int] | None = None
    """The fewest and the most epochs that ``Hyperband`` gives a job."""
    hyperparameters: Texts = {}
    """While tuning these go before the run's, such as fewer epochs."""
    seed: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "TuningRequest":
        facts = sorted({*self.ranges, *self.hyperparameters} & {*IDENTITY})
        if facts:
            raise ValueError(f"facts of the run cannot be tuned: {', '.join(facts)}")
        numbers = [name for name, wanted in self.ranges.items() if isinstance(wanted, NumberRange)]
        if self.strategy == "Grid" and numbers:
            raise ValueError(f"Grid needs lists of values, not ranges: {', '.join(numbers)}")
        if self.strategy == "Hyperband" and self.resources is None:
            raise ValueError("Hyperband needs resources: the fewest and the most epochs")
        if self.strategy != "Hyperband" and self.resources is not None:
            raise ValueError("resources are for Hyperband alone")
        if self.resources and not 1 <= self.resources[0] < self.resources[1]:
            raise ValueError("resources must be two growing numbers of epochs, from 1")
        if self.strategy == "Hyperband" and self.early_stopping:
            raise ValueError("Hyperband stops jobs by itself: leave early_stopping out")
        return self


class TrainingRequest(BaseModel):
    """The training machine's input; a run id never trains twice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: RunId
    dataset: DatasetName
    dataset_version: str
    architecture: str = "small-cnn"
    image_size: Annotated[int, Field(ge=SMALLEST_IMAGE_SIZE, le=LARGEST_IMAGE_SIZE)]
    """Height and width of the model's input; the architecture's own where it is not said."""
    hyperparameters: dict[str, str] = {}
    """As SageMaker passes them: strings. Unknown ones fail the job."""
    mode: Literal["train", "tune", "both"] = "train"
    """``both`` tunes, trains with the best hyperparameters found and takes the better model."""
    tuning: TuningRequest | None = None

    @model_validator(mode="before")
    @classmethod
    def _sized(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("image_size") is None:
            architecture = given.get("architecture", cls.model_fields["architecture"].default)
            return {**given, "image_size": default_image_size(str(architecture))}
        return given

    @model_validator(mode="after")
    def _consistent(self) -> "TrainingRequest":
        if self.mode != "train" and self.tuning is None:
            raise ValueError(f"the mode {self.mode!r} needs tuning: what to search, and how")
        if self.mode == "train" and self.tuning is not None:
            raise ValueError("tuning is given, so the mode must be 'tune' or 'both'")
        return self


class UnreadRequest(BaseModel):
    """A request that is not a ``TrainingRequest`` but names a run, so that its end is recorded."""

    model_config = ConfigDict(frozen=True)

    run_id: RunId


class RunStart(BaseModel):
    """What ``handlers/run_planner.py`` is told; it answers a ``RunPlan``."""

    model_config = ConfigDict(frozen=True)

    request: TrainingRequest
    execution: str | None = None
    """The machine's execution ARN; the same execution may start its run again, as retries do."""


class StepRecord(BaseModel):
    """One step in a run's record: the fact ``steps`` of its lineage node, by the step's name."""

    model_config = ConfigDict(frozen=True)

    status: Literal["planned", "finished", "failed"]
    job: str
    output: str | None = None
    """``s3://`` URI of what it left."""
    finished: datetime | None = None


class StepPlan(BaseModel):
    """One step: its job's name, and whether the job has yet to run."""

    model_config = ConfigDict(frozen=True)

    job: str
    wanted: bool


class RunPlan(BaseModel):
    """What is left to do of a run, and under which names."""

    model_config = ConfigDict(frozen=True)

    run_id: RunId
    attempt: int
    """From 1; a run that failed goes on in its next attempt."""
    prepare: StepPlan
    tune: StepPlan
    train: StepPlan
    evaluate: StepPlan
    prepared_s3_uri: str
    """The folder of the shards, above that of each split; ends with a slash."""
    shards: tuple[ShardPlace, ...] = ()
    """What a function has to prepare; empty where a job prepares them, or nobody has to."""
    hyperparameters: dict[str, str]
    """Of the training job."""
    tuning_hyperparameters: dict[str, str]
    """Those that stay the same in all jobs of a tuning."""
    tuning: dict[str, Any] | None
    """SageMaker's ``HyperParameterTuningJobConfig``."""


class CandidateRequest(BaseModel):
    """What ``handlers/candidate_chooser.py`` is told; it answers a ``Chosen``."""

    model_config = ConfigDict(frozen=True)

    request: TrainingRequest
    tuning_job: str | None = None
    training_job: str | None = None


class Candidate(BaseModel):
    """The training job whose model is the best of the run, by the figure that was asked for."""

    model_config = ConfigDict(frozen=True)

    job: str
    artefact_s3_uri: str
    metric: str
    value: float | None
    """As SageMaker read it from the job's log; None where there was nothing to compare."""
    tuned: dict[str, str] = {}
    """The hyperparameters that tuning chose."""


class Champion(BaseModel):
    """The model in production, which the candidate is compared with."""

    model_config = ConfigDict(frozen=True)

    version: RunId
    artefact_s3_uri: str


class Chosen(BaseModel):
    """The run's best model, and the one that it has to beat."""

    model_config = ConfigDict(frozen=True)

    candidate: Candidate
    champion: Champion | None = None


class RunEvent(BaseModel):
    """What ``handlers/run_recorder.py`` is told."""

    model_config = ConfigDict(frozen=True)

    action: Literal["finished", "rejected", "failed", "registered"]
    """``finished`` is said of one step, the others of the run."""
    request: TrainingRequest | UnreadRequest
    execution: str | None = None
    step: str | None = None
    """A state of the machine, such as ``Train``."""
    job: str | None = None
    output: str | None = None
    """``s3://`` URI of what a finished step left."""
    error: str | None = None
    cause: str | None = None
    verdict: Verdict | None = None


class GateRequest(BaseModel):
    """What ``handlers/evaluation_gate.py`` is told; it answers a ``Verdict``."""

    model_config = ConfigDict(frozen=True)

    request: TrainingRequest
    evaluation_s3_uri: str


class RegistrationRequest(BaseModel):
    """What ``handlers/model_registrar.py`` is told; it answers a ``RegisteredModel``."""

    model_config = ConfigDict(frozen=True)

    request: TrainingRequest
    artefact_s3_uri: str
    evaluation_s3_uri: str
    verdict: Verdict


class RegisteredModel(BaseModel):
    """A model version and the SageMaker model package that holds it."""

    model_config = ConfigDict(frozen=True)

    model_version: RunId
    model_package_arn: str
