"""What is left to do of a run follows from what earlier attempts and other runs have left."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fakes import events
from tests.fakes.objects import MemoryObjects
from tests.fakes.sagemaker_jobs import MemoryJobs
from tests.fakes.table import MemoryTable
from visionml.aws.jobs import Job
from visionml.contracts.dataset import SPLITS
from visionml.contracts.lineage import run_node
from visionml.contracts.training import STEPS, RunEvent, RunPlan, RunStart
from visionml.errors import DatasetInvalid, NotFound, Unavailable
from visionml.registry import runs
from visionml.registry.lineage import Lineage
from visionml.registry.plan import Planner

START = events.load("run_planner")
RUN = START["request"]["run_id"]
OTHER = "run-20261120-090000-beef"
ARTEFACT = f"s3://models/runs/{RUN}/output/{RUN}-train/output/model.tar.gz"
REPORT = f"s3://models/runs/{RUN}/evaluation/report.json"
TUNING = {"ranges": {"learning_rate": {"min": 0.001, "max": 0.01}}}


def shards(run: str = RUN) -> str:
    return f"s3://datasets/prepared/digits/3f2a9c0d1e5b7788/32/{run}-prepare/"


class World:
    """A planner over memory, and what a machine would tell of its steps."""

    def __init__(self) -> None:
        self.graph = Lineage(MemoryTable())
        self.objects = MemoryObjects()
        self.jobs = MemoryJobs()
        self.image = "vision:1"
        self.lambda_prepare_images = 0
        self.dataset({split: {"0": 3} for split in SPLITS})

    def dataset(self, counts: dict[str, dict[str, int]]) -> None:
        record = {
            "dataset": "digits",
            "version": "3f2a9c0d1e5b7788",
            "created": "2026-11-20T10:15:00Z",
            "source": "digits",
            "classes": ["0"],
            "counts": counts,
            "refused": 0,
            "seed": 0,
        }
        address = "s3://datasets/manifests/digits/3f2a9c0d1e5b7788/dataset.json"
        self.objects.objects[address] = json.dumps(record).encode()

    def plan(self, run: str = RUN, *, attempt: int = 1, **request: Any) -> RunPlan:
        planner = Planner(
            graph=self.graph,
            objects=self.objects,
            jobs=self.jobs,
            running=lambda _execution: False,
            datasets_bucket="datasets",
            models_bucket="models",
            image=self.image,
            reuse=timedelta(days=23),
            tuning_seconds=3600,
            lambda_prepare_images=self.lambda_prepare_images,
        )
        start = {
            "request": {**START["request"], "run_id": run, **request},
            "execution": f"arn:{run}:{attempt}",
        }
        return planner.plan(RunStart.model_validate(start))

    def finish(
        self, step: str, output: str | None = None, *, run: str = RUN, **request: Any
    ) -> None:
        for address in [f"{output}{split}/part.npy" for split in SPLITS] if output else []:
            self.objects.objects[address if step == "Prepare" else str(output)] = b""
        event = {
            "action": "finished",
            "request": {**START["request"], "run_id": run, **request},
            "step": step,
            "job": f"{run}-{step.lower()}",
            "output": output,
        }
        runs.record(self.graph, RunEvent.model_validate(event))

    def fail(self, step: str) -> None:
        event = {"action": "failed", "request": START["request"], "step": step, "error": "E"}
        runs.record(self.graph, RunEvent.model_validate(event))


@pytest.fixture
def world() -> World:
    return World()


def wanted(plan: RunPlan) -> list[str]:
    return [name for name in STEPS if getattr(plan, name).wanted]


def test_a_new_run_prepares_trains_and_evaluates(world: World) -> None:
    plan = world.plan()
    assert wanted(plan) == ["prepare", "train", "evaluate"]
    assert plan.train.job == f"{RUN}-train"
    assert plan.prepared_s3_uri == shards()
    assert plan.hyperparameters["run_id"] == RUN
    assert plan.tuning is None


def test_the_same_execution_is_answered_the_same_plan(world: World) -> None:
    assert world.plan() == world.plan()


@pytest.mark.parametrize(
    ("mode", "steps"),
    [
        ("tune", ["prepare", "tune", "evaluate"]),
        ("both", ["prepare", "tune", "train", "evaluate"]),
    ],
)
def test_tuning_is_planned_where_it_is_asked_for(world: World, mode: str, steps: list[str]) -> None:
    assert wanted(world.plan(mode=mode, tuning=TUNING)) == steps


def test_a_run_goes_on_after_its_last_finished_step(world: World) -> None:
    world.plan()
    world.finish("Prepare", shards())
    world.finish("Train", ARTEFACT)
    world.fail("Evaluate")
    plan = world.plan(attempt=2)
    assert wanted(plan) == ["evaluate"]
    assert plan.attempt == 2
    assert (plan.train.job, plan.evaluate.job) == (f"{RUN}-train", f"{RUN}-evaluate-2")
    assert plan.prepared_s3_uri == shards()


def test_a_run_that_failed_after_its_evaluation_does_nothing_again(world: World) -> None:
    world.plan()
    world.finish("Prepare", shards())
    world.finish("Train", ARTEFACT)
    world.finish("Evaluate", REPORT)
    world.fail("Register")
    assert wanted(world.plan(attempt=2)) == []


def test_training_again_evaluates_again(world: World) -> None:
    world.plan()
    world.finish("Prepare", shards())
    world.finish("Train", ARTEFACT)
    world.finish("Evaluate", REPORT)
    del world.objects.objects[ARTEFACT]
    world.fail("Register")
    assert wanted(world.plan(attempt=2)) == ["train", "evaluate"]


def test_a_job_that_ended_well_unseen_is_not_run_again(world: World) -> None:
    world.plan()
    world.finish("Prepare", shards())
    world.objects.objects[ARTEFACT] = b""
    world.jobs.jobs[f"{RUN}-train"] = Job(f"{RUN}-train", "Completed", artefact=ARTEFACT)
    assert wanted(world.plan(attempt=2)) == ["evaluate"]


def test_a_job_that_has_failed_is_run_again_under_another_name(world: World) -> None:
    world.plan()
    world.finish("Prepare", shards())
    world.jobs.jobs[f"{RUN}-train"] = Job(f"{RUN}-train", "Failed")
    world.fail("Train")
    plan = world.plan(attempt=2)
    assert wanted(plan) == ["train", "evaluate"]
    assert plan.train.job == f"{RUN}-train-2"


def test_a_job_that_still_runs_is_waited_for(world: World) -> None:
    world.plan()
    world.finish("Prepare", shards())
    world.jobs.jobs[f"{RUN}-train"] = Job(f"{RUN}-train", "Stopping")
    with pytest.raises(Unavailable, match=f"{RUN}-train of an earlier attempt .* is Stopping"):
        world.plan(attempt=2)


def test_shards_are_used_again_by_other_runs(world: World) -> None:
    world.plan(OTHER)
    world.finish("Prepare", shards(OTHER), run=OTHER)
    plan = world.plan()
    assert wanted(plan) == ["train", "evaluate"]
    assert plan.prepared_s3_uri == shards(OTHER)
    assert runs.steps_of(world.graph.get(run_node(RUN)))["prepare"].job == f"{OTHER}-prepare"


@pytest.mark.parametrize("lost", ["holdout", "everything"])
def test_shards_that_are_gone_are_prepared_again(world: World, lost: str) -> None:
    world.plan(OTHER)
    world.finish("Prepare", shards(OTHER), run=OTHER)
    for address in [each for each in world.objects.objects if each.endswith(".npy")]:
        if lost in address or lost == "everything":
            del world.objects.objects[address]
    plan = world.plan()
    assert wanted(plan) == ["prepare", "train", "evaluate"]
    assert plan.prepared_s3_uri == shards()


def test_shards_that_were_withdrawn_are_not_used_even_while_they_are_there(world: World) -> None:
    runs.withdraw_shards(world.graph, "digits", "3f2a9c0d1e5b7788")
    assert world.graph.find("DATASET#digits@3f2a9c0d1e5b7788") is None
    world.plan(OTHER)
    world.finish("Prepare", shards(OTHER), run=OTHER)
    runs.withdraw_shards(world.graph, "digits", "3f2a9c0d1e5b7788")
    node = world.graph.get("DATASET#digits@3f2a9c0d1e5b7788")
    runs.withdraw_shards(world.graph, "digits", "3f2a9c0d1e5b7788")
    assert world.graph.get(node.id) == node
    assert wanted(world.plan()) == ["prepare", "train", "evaluate"]


def test_shards_of_another_image_or_size_or_age_are_not_used(world: World) -> None:
    world.plan(OTHER)
    world.finish("Prepare", shards(OTHER), run=OTHER)
    assert "prepare" in wanted(world.plan("run-20261120-100000-0001", image_size=64))
    node = world.graph.get("DATASET#digits@3f2a9c0d1e5b7788")
    prepared = json.loads(json.dumps(node.facts["prepared"]))
    prepared["32"]["finished"] = (datetime.now(UTC) - timedelta(days=24)).isoformat()
    world.graph.update(node.id, status=node.status, facts={"prepared": prepared})
    assert "prepare" in wanted(world.plan("run-20261120-100000-0002"))
    world.image = "vision:2"
    assert "prepare" in wanted(world.plan("run-20261120-100000-0003"))


@pytest.mark.parametrize(("limit", "shards_by_split"), [(0, 0), (8, 0), (9, 1), (5_000, 1)])
def test_a_function_prepares_the_shards_of_small_versions(
    world: World, limit: int, shards_by_split: int
) -> None:
    world.lambda_prepare_images = limit
    plan = world.plan()
    assert wanted(plan) == ["prepare", "train", "evaluate"]
    assert [place.split for place in plan.shards] == list(SPLITS) * shards_by_split
    assert plan.prepared_s3_uri == shards()


def test_nothing_is_left_to_a_function_once_the_shards_are_there(world: World) -> None:
    world.lambda_prepare_images = 9
    world.plan()
    world.finish("Prepare", shards())
    assert world.plan(attempt=2).shards == ()


@pytest.mark.parametrize("written", [SPLITS, SPLITS[:2]])
def test_shards_that_functions_wrote_unseen_are_used_when_all_are_there(
    world: World, written: tuple[str, ...]
) -> None:
    world.lambda_prepare_images = 9
    world.plan()
    for split in written:
        for suffix in ("npy", "jsonl"):
            world.objects.objects[f"{shards()}{split}/part-00-00000.{suffix}"] = b""
    world.fail("Prepare")
    plan = world.plan(attempt=2)
    assert plan.prepare.wanted is (written != SPLITS)
    folder = shards() if written == SPLITS else shards().replace("-prepare/", "-prepare-2/")
    assert plan.prepared_s3_uri == folder


def test_a_preparation_job_of_an_earlier_attempt_is_waited_for_by_functions_too(
    world: World,
) -> None:
    world.plan()
    world.jobs.jobs[f"{RUN}-prepare"] = Job(f"{RUN}-prepare", "InProgress")
    world.lambda_prepare_images = 9
    with pytest.raises(Unavailable, match=f"{RUN}-prepare of an earlier attempt"):
        world.plan(attempt=2)


def test_an_unknown_dataset_version_is_named(world: World) -> None:
    with pytest.raises(NotFound, match="no version 'v0' of the dataset 'digits'"):
        world.plan(dataset_version="v0")
    assert world.graph.get(run_node(RUN)).status == "started"


def test_a_split_without_images_is_refused(world: World) -> None:
    world.dataset({"train": {"0": 3}, "validation": {}, "holdout": {"0": 0}})
    with pytest.raises(DatasetInvalid, match="no images in validation, holdout"):
        world.plan()
