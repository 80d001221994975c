"""What is left to do of a training run: nothing is done twice that an earlier attempt finished."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from visionml.aws.jobs import Kind
from visionml.aws.s3 import uri
from visionml.contracts import layout
from visionml.contracts.dataset import SPLITS, DatasetRecord
from visionml.contracts.lineage import dataset_node
from visionml.contracts.preparation import ShardPlace, shard_files, shard_places
from visionml.contracts.training import (
    STEPS,
    RunPlan,
    RunStart,
    StepName,
    StepPlan,
    StepRecord,
    TrainingRequest,
)
from visionml.errors import DatasetInvalid, NotFound, Unavailable
from visionml.registry import runs, tuning
from visionml.registry.lineage import Lineage
from visionml.registry.ports import JobReader, ObjectStore
from visionml.registry.runs import Steps

_KINDS: dict[StepName, Kind] = {
    "prepare": "processing",
    "tune": "tuning",
    "train": "training",
    "evaluate": "processing",
}


@dataclass(frozen=True)
class Planner:
    """Claims runs and plans them."""

    graph: Lineage
    objects: ObjectStore
    jobs: JobReader
    running: Callable[[str], bool]
    """Whether an execution, given by its ARN, has yet to end."""
    datasets_bucket: str
    models_bucket: str
    image: str
    reuse: timedelta
    """How old shards may be that are used again."""
    tuning_seconds: int
    lambda_prepare_images: int
    """Versions of up to so many images are prepared by a function, not by a job."""

    def plan(self, start: RunStart) -> RunPlan:
        """Claim a run for an execution and return what it has to do.

        Raises
        ------
        Conflict
            The run id is taken: see `visionml.registry.runs.claim`.
        Unavailable
            A job of an earlier attempt has yet to end.
        NotFound
            There is no such dataset version.
        DatasetInvalid
            A split of it has no images.
        """
        request = start.request
        claim = runs.claim(self.graph, start, image=self.image, running=self.running)
        places = self._places(request)
        done = self._done(request, claim.steps, places)
        wanted = _wanted(request, done)
        if wanted["prepare"] and (shards := self._reusable(request)):
            done["prepare"], wanted["prepare"] = shards, False
        steps: Steps = {
            name: self._planned(request, name, claim.attempt) if wanted[name] else done[name]
            for name in STEPS
            if wanted[name] or name in done
        }
        runs.plan(self.graph, request.run_id, steps)
        prepared = steps.get("prepare") or self._planned(request, "prepare", claim.attempt)
        hyperparameters = tuning.with_identity(request)
        return RunPlan(
            run_id=request.run_id,
            attempt=claim.attempt,
            prepared_s3_uri=prepared.output or "",
            shards=places if wanted["prepare"] else (),
            hyperparameters=hyperparameters,
            tuning_hyperparameters=tuning.fixed(request, hyperparameters),
            tuning=tuning.config(request, seconds=self.tuning_seconds),
            **{
                name: StepPlan(job=steps[name].job if name in steps else "", wanted=wanted[name])
                for name in STEPS
            },
        )

    def _places(self, request: TrainingRequest) -> tuple[ShardPlace, ...]:
        """Return the shards that a function prepares; none of a version that a job prepares."""
        record = self._dataset(request)
        if record.images > self.lambda_prepare_images:
            return ()
        return shard_places(record.counts, image_size=request.image_size)

    def _dataset(self, request: TrainingRequest) -> DatasetRecord:
        dataset, version = request.dataset, request.dataset_version
        address = uri(
            self.datasets_bucket, layout.manifest_folder(dataset, version) + layout.DATASET_RECORD
        )
        try:
            record = DatasetRecord.model_validate(self.objects.read_json(address))
        except NotFound as error:
            raise NotFound(
                f"There is no version {version!r} of the dataset {dataset!r}: "
                f"{address} does not exist.",
                hint="`visionml dataset list` names the versions.",
            ) from error
        except ValidationError as error:
            raise DatasetInvalid(
                f"{address} is not a dataset's record.", hint="Import the dataset again."
            ) from error
        empty = [split for split in SPLITS if not sum(record.counts.get(split, {}).values())]
        if empty:
            raise DatasetInvalid(
                f"{dataset}@{version} has no images in {', '.join(empty)}.",
                hint="Import it again, with images for every split.",
            )
        return record

    def _done(self, request: TrainingRequest, known: Steps, places: Sequence[ShardPlace]) -> Steps:
        """Return the steps that earlier attempts finished and whose results are still there.

        A step counts as finished too when its job, or the function for each of its shards, ended
        well and its execution could not say so.
        """
        done: Steps = {}
        for name in STEPS:
            step = known.get(name)
            if step and step.status != "finished":
                step = self._ended_unseen(request, name, step, places)
            if step and self._is_there(name, step):
                done[name] = step
        return done

    def _ended_unseen(
        self,
        request: TrainingRequest,
        name: StepName,
        step: StepRecord,
        places: Sequence[ShardPlace],
    ) -> StepRecord | None:
        finished = {"status": "finished", "finished": datetime.now(UTC)}
        job = self.jobs.find(_KINDS[name], step.job)
        if job is None:
            written = name == "prepare" and self._are_written(step.output or "", places)
            return step.model_copy(update=finished) if written else None
        if job.under_way:
            raise Unavailable(
                f"The job {job.name} of an earlier attempt at {request.run_id} is {job.status}.",
                hint="Resume the run when it has ended.",
            )
        if not job.completed:
            return None
        output = job.artefact if name == "train" else self._output(request, name, job.name)
        return step.model_copy(update={**finished, "output": output})

    def _are_written(self, folder: str, places: Sequence[ShardPlace]) -> bool:
        """Tell whether a function has prepared every shard."""
        if not folder or not places:
            return False
        written = {uri(self.datasets_bucket, key) for key in self.objects.keys(folder)}
        return written.issuperset(shard_files(folder, places))

    def _is_there(self, name: StepName, step: StepRecord) -> bool:
        if name == "tune":
            return True
        if not step.output:
            return False
        if name == "prepare":
            folders = [f"{step.output}{split}/" for split in SPLITS]
            return all(next(iter(self.objects.keys(folder)), None) for folder in folders)
        return self.objects.exists(step.output)

    def _reusable(self, request: TrainingRequest) -> StepRecord | None:
        """Return the shards that another run has prepared with this image, and not long ago."""
        node = self.graph.find(dataset_node(request.dataset, request.dataset_version))
        known = node.facts.get("prepared") if node else None
        found = known.get(str(request.image_size)) if isinstance(known, dict) else None
        if not isinstance(found, dict) or found.get("image") != self.image:
            return None
        shards = StepRecord.model_validate(found)
        young = shards.finished and datetime.now(UTC) - shards.finished < self.reuse
        return shards if young and self._is_there("prepare", shards) else None

    def _planned(self, request: TrainingRequest, name: StepName, attempt: int) -> StepRecord:
        job = f"{request.run_id}-{name}" + (f"-{attempt}" if attempt > 1 else "")
        return StepRecord(status="planned", job=job, output=self._output(request, name, job))

    def _output(self, request: TrainingRequest, name: StepName, job: str) -> str | None:
        """Return where a step leaves its result; SageMaker itself says so of a model."""
        if name == "prepare":
            folder = layout.prepared_folder(
                request.dataset, request.dataset_version, request.image_size, job
            )
            return uri(self.datasets_bucket, folder)
        if name == "evaluate":
            folder = layout.run_evaluation(request.run_id)
            return uri(self.models_bucket, f"{folder}/{layout.EVALUATION_REPORT}")
        return None


def _wanted(request: TrainingRequest, done: Steps) -> dict[StepName, bool]:
    tune = request.mode != "train" and "tune" not in done
    train = request.mode != "tune" and (tune or "train" not in done)
    evaluate = tune or train or "evaluate" not in done
    return {
        "prepare": evaluate and "prepare" not in done,
        "tune": tune,
        "train": train,
        "evaluate": evaluate,
    }
