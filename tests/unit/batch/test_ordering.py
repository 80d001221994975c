"""An execution is told what is left of its run, and whose run it is."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.objects import MemoryObjects
from visionml.batch.ordering import Orders, transform_job
from visionml.batch.store import Store
from visionml.batch.summarising import summarised
from visionml.contracts.batch import PartReport, report_key
from visionml.contracts.batch_machine import BatchStart, BatchWork
from visionml.contracts.registry import VersionRecord
from visionml.contracts.settings import BatchSettings
from visionml.errors import Conflict, InvalidInput

NOW = datetime(2026, 1, 2, 3, tzinfo=UTC)
MACHINE = "arn:aws:states:us-east-1:000000000000:execution:batch"
REQUEST = {"run_id": "daily", "bucket": "raw", "prefix": "batch/a/"}
EVENT = {"source": "aws.events", "time": "2026-01-02T00:00:00Z"}
RECORD = VersionRecord(
    version="run-20260101-120000-abcd",
    model_package_arn="arn",
    artefact="s3://models/runs/a/model.tar.gz",
    image="image:1",
    metrics={},
    dataset="digits",
    dataset_version="v1",
    created=NOW,
)


class World:
    """Five images in parts of two, and executions that run or not."""

    def __init__(self, **settings: Any) -> None:
        keys = [
            f"s3://raw/batch/{folder}/{n}.png"
            for folder in ("a", "date=2026-01-01")
            for n in range(5)
        ]
        self.store = Store(MemoryObjects(dict.fromkeys(keys, b"image")), "results")
        self.over: set[str] = set()
        self.orders = Orders(
            self.store,
            sources={"raw": ("batch/", "images/"), "images": ("cats/",)},
            settings=BatchSettings(**{"images_per_part": 2, **settings}),
            running=lambda execution: execution not in self.over,
            version=lambda _name: RECORD,
            now=lambda: NOW,
        )

    def ask(self, execution: str = "one", given: dict[str, Any] | None = None) -> BatchWork:
        start = BatchStart(given=given or REQUEST, execution=f"{MACHINE}:{execution}")
        return self.orders.work(start)

    def done(self, *parts: int, run: str = "daily") -> None:
        for part in parts:
            count = 1 if part == 2 else 2
            report = PartReport(
                part=part, inputs=count, results=count, failures=0, files=(), seconds=1, attempt=1
            )
            self.store.write(report_key(run, part), report)


def firsts(work: BatchWork) -> list[tuple[int, int]]:
    return [(each.first, each.size) for each in work.groups]


def test_a_new_run_is_all_of_its_parts() -> None:
    work = World().ask()
    assert (work.status, work.remaining, firsts(work)) == ("planned", 3, [(0, 3)])


def test_a_run_that_another_execution_has_is_left_to_it() -> None:
    world = World()
    world.ask("one")
    assert world.ask("two").status == "already_running"
    assert world.ask("one").status == "planned"  # asked again by Step Functions
    world.over.add(f"{MACHINE}:one")
    assert world.ask("two").status == "planned"
    assert world.ask("one").status == "already_running"


def test_only_parts_without_a_report_run_again() -> None:
    world = World()
    world.ask()
    world.done(1)
    assert firsts(world.ask()) == [(0, 1), (2, 1)]


def test_a_run_that_was_counted_as_complete_is_finished() -> None:
    world = World()
    world.ask()
    world.done(0, 1, 2)
    assert (world.ask().status, world.ask().remaining) == ("planned", 0)  # to be counted
    assert summarised("daily", store=world.store, now=NOW).outcome == "succeeded"
    assert world.ask().status == "finished"


def test_many_groups_are_listed_in_s3() -> None:
    world = World(images_per_part=1, parts_per_group=1, inline_groups=2)
    work = world.ask()
    assert (work.groups, work.remaining) == ((), 5)
    assert work.groups_key == "runs/batch/daily/groups/one.json"
    assert isinstance(world.store.objects, MemoryObjects)
    listed = world.store.objects.read_json(f"s3://results/{work.groups_key}")
    assert listed == [{"first": part, "size": 1} for part in range(5)]


def test_two_schedules_of_a_day_are_one_run_of_the_day_before() -> None:
    world = World()
    work = world.ask("one", EVENT)
    assert (work.run_id, work.remaining) == ("scheduled-2026-01-01", 3)
    later = {**EVENT, "time": "2026-01-02T23:59:00Z"}
    assert world.ask("two", later).status == "already_running"


def test_a_schedule_goes_on_with_a_run_of_other_settings() -> None:
    world = World()
    world.ask("one", EVENT)
    world.over.add(f"{MACHINE}:one")
    other = Orders(
        world.store,
        sources={"raw": ("batch/",)},
        settings=BatchSettings(method="model"),
        running=lambda _: False,
        version=lambda _: RECORD,
    )
    work = other.work(BatchStart(given=EVENT, execution=f"{MACHINE}:two"))
    assert (work.status, work.method) == ("planned", "endpoint")


def test_a_run_of_another_request_is_refused() -> None:
    world = World()
    world.ask()
    with pytest.raises(Conflict, match="another request"):
        world.ask(given={**REQUEST, "prefix": "batch/date=2026-01-01/"})


@pytest.mark.parametrize(
    "wrong", [{"bucket": "results"}, {"prefix": "inference/"}, {"bucket": "images"}]
)
def test_runs_read_images_alone(wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="do not read"):
        World().ask(given={**REQUEST, **wrong})


def test_each_execution_has_a_transform_job_of_its_own() -> None:
    world = World()
    work = world.ask(given={**REQUEST, "method": "transform"})
    assert work.transform is not None
    assert work.transform.inputs == "s3://results/runs/batch/daily/transform/in/"
    assert work.transform.outputs == "s3://results/runs/batch/daily/transform/out"
    names = {transform_job("r" * 63, f"{MACHINE}:{n}-1234567{n}") for n in range(2)}
    assert len(names) == 2
    assert all(len(name) <= 63 for name in names)
