"""Every input of a part becomes exactly one row, whatever happens on the way."""

import contextlib
import io
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pyarrow import parquet

from tests.fakes.crashes import Crash, Crashing
from tests.fakes.endpoint import MemoryEndpoint
from tests.fakes.models import VERSION, write_brightness_model
from tests.fakes.objects import MemoryObjects, MemoryReads
from tests.fakes.pictures import encoded
from tests.fakes.table import MemoryTable
from tests.unit.batch.test_planning import NOW
from visionml.aws.invocation import Invocation
from visionml.aws.table import Item
from visionml.batch.asking import Endpoint
from visionml.batch.keeping import Keeper
from visionml.batch.part import Hands, run
from visionml.batch.planning import Cut, planned
from visionml.batch.predicting import Local, loaded
from visionml.batch.reading import Reader
from visionml.batch.store import Store
from visionml.contracts.batch import (
    BatchPlan,
    BatchRequest,
    PartReport,
    prediction_id,
    report_key,
    transform_output_key,
)
from visionml.contracts.registry import VersionRecord
from visionml.contracts.tables import PREDICTIONS
from visionml.errors import InvalidInput, NotFound, Unavailable, VisionmlError
from visionml.model import artefact
from visionml.serving.pace import Pace
from visionml.serving.predictions import Predictions

LIMIT = 100_000


class World:
    """One account: its objects, its table, its endpoint, and a run of what lies there."""

    def __init__(self, images: dict[str, bytes], *, method: str = "endpoint") -> None:
        self.objects = MemoryObjects({f"s3://raw/in/{key}": each for key, each in images.items()})
        self.store = Store(self.objects, "results")
        self.table = MemoryTable()
        self.endpoint = MemoryEndpoint()
        self.predict: Any = None
        self.now = 0.0
        self.method = method

    def plan(self, version: VersionRecord | None = None) -> BatchPlan:
        request = BatchRequest.model_validate(
            {"run_id": "night-1", "bucket": "raw", "prefix": "in/", "method": self.method}
        )
        return planned(
            request,
            store=self.store,
            version=lambda: version,
            cut=Cut(images_per_record=3),
            now=NOW,
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def pace(self) -> Pace:
        return Pace(seconds=60, renewed=True, clock=lambda: self.now, sleep=self.sleep)

    def run(self, plan: BatchPlan, *, attempt: int = 1, concurrency: int = 1) -> PartReport:
        predictions = Predictions(self.table, days=30)  # type: ignore[arg-type]
        keeper = Keeper(self.table, predictions, pace=self.pace())
        hands = Hands(
            store=self.store,
            read=Reader(MemoryReads(self.objects, "raw"), limit=LIMIT, pace=self.pace()).read,
            predict=self.predict or Endpoint(self.endpoint, pace=self.pace()).predict,
            keep=keeper.keep,
            finish=keeper.finish,
            concurrency=concurrency,
            together=4,
            now=lambda: NOW,
            clock=lambda: self.now,
        )
        return run(plan, 0, hands, attempt=attempt)

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for key in self.objects.keys("s3://results/predictions/"):
            content = self.objects.objects[f"s3://results/{key}"]
            found += parquet.read_table(io.BytesIO(content)).to_pylist()
        return found


def dark(count: int) -> dict[str, bytes]:
    return {f"{number:03}.jpg": b"dark#%d" % number for number in range(count)}


def conserved(world: World, plan: BatchPlan) -> None:
    """Assert that each input is one row, in the files and in the table."""
    keys = [row["input_key"] for row in world.rows()]
    assert sorted(keys) == sorted(each.key for each in world.store.inputs("night-1", 0))
    ids = {f"PREDICTION#{prediction_id('night-1', key)}" for key in keys}
    assert {pk for pk, _ in world.table.items} == ids
    report = world.store.report("night-1", 0)
    assert report is not None
    assert (report.inputs, report.results + report.failures) == (len(keys), len(keys))


def test_an_answer_is_a_row_with_the_tables_columns_and_an_item_for_callers() -> None:
    world = World({"a.jpg": b"dark"})
    plan = world.plan()

    report = world.run(plan)

    (row,) = world.rows()
    name = prediction_id("night-1", "in/a.jpg")
    assert list(row) == [column for column, _, _ in PREDICTIONS.columns]
    assert row | {"image_sha256": "", "latency_ms": 0.0} == {
        "prediction_id": name,
        "input_key": "in/a.jpg",
        "image_sha256": "",
        "label": "dark",
        "probability": 0.75,
        "probabilities": '{"dark":0.75,"other":0.25}',
        "model_version": "v1",
        "variant": "ModelA",
        "latency_ms": 0.0,
        "run_id": "night-1",
        "time": NOW.isoformat(),
        "error": None,
    }
    assert report.files == ("predictions/date=2026-11-20/model=v1/night-1-00000.parquet",)
    predictions = Predictions(world.table, days=30)  # type: ignore[arg-type]
    state = predictions.get(name)
    assert (state.status, state.prediction and state.prediction.label) == ("done", "dark")


def test_rows_stand_in_the_order_of_their_keys_however_many_threads_made_them() -> None:
    world = World(dark(50))
    plan = world.plan()

    report = world.run(plan, concurrency=8)

    assert [row["input_key"] for row in world.rows()] == [f"in/{key}" for key in dark(50)]
    assert (report.results, report.failures) == (50, 0)
    conserved(world, plan)


def test_what_cannot_be_read_or_answered_is_a_row_with_its_reason() -> None:
    images = dark(3) | {
        "deleted.jpg": b"dark",
        "written-anew.jpg": b"dark",
        "oversized.jpg": b"0" * (LIMIT + 1),
        "truncated.jpg": b"refuse:truncated",
        "notes.txt": b"refuse:unsupported",
        "poison.jpg": b"poison",
    }
    world = World(images)
    plan = world.plan()
    del world.objects.objects["s3://raw/in/deleted.jpg"]
    world.objects.objects["s3://raw/in/written-anew.jpg"] = b"light"

    report = world.run(plan)

    reasons = {row["input_key"]: row["error"] for row in world.rows() if row["error"]}
    assert reasons == {
        "in/deleted.jpg": "s3_not_found",
        "in/written-anew.jpg": "changed",
        "in/oversized.jpg": "too_many_bytes",
        "in/truncated.jpg": "truncated",
        "in/notes.txt": "unsupported",
        "in/poison.jpg": "internal",
    }
    assert report.by_reason == dict.fromkeys(reasons.values(), 1)
    assert all(row["label"] is None for row in world.rows() if row["error"])
    failed = prediction_id("night-1", "in/notes.txt")
    state = Predictions(world.table, days=30).get(failed)  # type: ignore[arg-type]
    assert (state.status, state.error and state.error.code) == ("failed", "unsupported")
    conserved(world, plan)


def test_an_object_that_s3_fails_to_give_each_time_is_a_row_and_a_busy_s3_is_waited_for() -> None:
    world = World(dark(3))
    plan = world.plan()
    asked: list[str] = []

    def step(what: str, address: str) -> None:
        asked.append(address)
        if address == "s3://raw/in/000.jpg":
            raise VisionmlError("The object lies in an archive.")
        if address == "s3://raw/in/001.jpg" and asked.count(address) < 4:
            raise Unavailable("Slow down.")

    world.objects.step = step
    world.run(plan)

    assert {row["input_key"]: row["error"] for row in world.rows()} == {
        "in/000.jpg": "s3_unreadable",
        "in/001.jpg": None,
        "in/002.jpg": None,
    }
    assert asked.count("s3://raw/in/000.jpg") == 3
    conserved(world, plan)


def test_a_part_with_a_report_is_not_done_again() -> None:
    world = World(dark(5))
    plan = world.plan()
    first = world.run(plan)
    world.endpoint.trouble = lambda: pytest.fail("nobody is to be asked")

    assert world.run(plan, attempt=2) == first


def killed_somewhere(fatal: int | None) -> tuple[World, BatchPlan, int]:
    """Run a part whose process ends at a step, if it has so many, and return how many it had."""
    world = World(dark(6) | {"bad.jpg": b"refuse:truncated"})
    plan = world.plan()
    crash, put = Crashing(fatal), world.table.put_some

    def put_some(items: list[Item]) -> list[Item]:
        crash("put")
        return put(items)

    world.objects.step = lambda what, _address: crash(what)
    world.table.put_some = put_some  # type: ignore[method-assign, assignment]
    with contextlib.suppress(Crash):
        world.run(plan)
    world.objects.step = lambda _what, _address: None
    world.table.put_some = put  # type: ignore[method-assign]
    return world, plan, crash.count


def test_an_attempt_that_was_killed_anywhere_leaves_no_duplicate_and_no_loss() -> None:
    _, _, steps = killed_somewhere(None)
    for fatal in range(steps):
        world, plan, _ = killed_somewhere(fatal)
        assert world.store.report("night-1", 0) is None
        world.endpoint.version = "v2"  # a rollout came between the attempts

        world.run(plan, attempt=2)

        conserved(world, plan)
        assert {row["model_version"] for row in world.rows()} == {"v2", None}
    assert steps > 10


def test_an_endpoint_that_is_down_for_too_long_leaves_no_report_and_the_next_attempt_ends_it() -> (
    None
):
    world = World(dark(10))
    plan = world.plan()
    answered = iter(range(2))

    def down() -> Invocation | None:
        if next(answered, None) is None:
            raise Unavailable("The endpoint does not serve.")
        return None

    world.endpoint.trouble = down
    with pytest.raises(Unavailable):
        world.run(plan)
    assert world.store.report("night-1", 0) is None
    assert world.rows() == []

    world.endpoint.trouble = lambda: None
    assert world.run(plan, attempt=2).results == 10
    conserved(world, plan)


@pytest.mark.parametrize("seed", range(3))
def test_a_whole_part_is_conserved_under_faults_of_every_kind(seed: int) -> None:
    chance = random.Random(seed)
    kinds = [b"dark"] * 40 + [
        b"refuse:truncated",
        b"poison",
        b"refuse:animated",
        b"0" * (LIMIT + 1),
    ]
    images = {f"{n:04}.jpg": chance.choice(kinds) + b"#%d" % n for n in range(2_000)}
    world = World(images)
    plan = world.plan()
    gone = chance.sample(sorted(images), 20)
    for key in gone[:10]:
        del world.objects.objects[f"s3://raw/in/{key}"]
    for key in gone[10:]:
        world.objects.objects[f"s3://raw/in/{key}"] = b"another"

    def trouble() -> Invocation | None:
        drawn = chance.random()
        if drawn < 0.05:
            raise Unavailable("The endpoint does not serve.")
        return Invocation(429, b"", "") if drawn < 0.15 else None

    def step(what: str, address: str) -> None:
        if what == "read" and "/in/" in address and chance.random() < 0.02:
            raise Unavailable("Slow down.")
        if chance.random() < 0.0004:
            raise Crash(address)

    world.endpoint.trouble, world.objects.step = trouble, step
    for attempt in range(1, 1_000):
        with contextlib.suppress(Crash):
            world.run(plan, attempt=attempt, concurrency=8)
            break
    world.objects.step = lambda _what, _address: None

    conserved(world, plan)
    reasons = Counter(
        "too_many_bytes"
        if len(image) > LIMIT
        else "s3_not_found"
        if key in gone[:10]
        else "changed"
        if key in gone[10:]
        else "internal"
        if image.startswith(b"poison")
        else image.split(b"#")[0].partition(b":")[2].decode()
        for key, image in images.items()
    )
    del reasons[""]
    report = world.store.report("night-1", 0)
    assert report is not None
    assert report.by_reason == dict(reasons)
    assert report.results == 2_000 - reasons.total()


def test_two_attempts_at_once_end_with_the_same_rows_once() -> None:
    world = World(dark(5))
    plan = world.plan()

    def another(what: str, address: str) -> None:
        if what == "write" and address.endswith(report_key("night-1", 0)):
            world.objects.step = lambda _what, _address: None
            world.run(plan, attempt=2)

    world.objects.step = another
    world.run(plan)
    conserved(world, plan)


def test_a_throttled_table_is_waited_for_and_gets_every_item() -> None:
    world = World(dark(60))
    plan = world.plan()
    put, calls = world.table.put_some, iter(range(10_000))

    def throttled(items: list[Item]) -> list[Item]:
        call = next(calls)
        if call % 3 == 1:
            raise Unavailable("Throttled.")
        put(items[:10])
        return items[10:]

    world.table.put_some = throttled  # type: ignore[method-assign, assignment]
    world.run(plan)

    conserved(world, plan)
    assert world.now > 0


def test_rows_of_two_versions_lie_in_a_file_each() -> None:
    world = World(dark(8))
    plan = world.plan()
    calls = iter(range(10))

    def rollout() -> None:
        world.endpoint.version = f"v{1 + next(calls)}"

    world.endpoint.trouble = rollout
    report = world.run(plan)

    assert [file.split("/")[2] for file in report.files] == ["model=v1", "model=v2"]
    conserved(world, plan)


def test_a_part_that_the_run_does_not_have_is_refused() -> None:
    world = World({})
    with pytest.raises(InvalidInput, match="has 0 parts"):
        world.run(world.plan())


PROMOTED = VersionRecord(
    version=VERSION,
    model_package_arn="",
    artefact="s3://models/model.tar.gz",
    image="",
    metrics={},
    dataset="shades",
    dataset_version="1",
    created=NOW,
)


def shade(value: int) -> bytes:
    return encoded(Image.new("RGB", (40, 40), (value, value, value)), "PNG")


def put_model(folder: Path, world: World, *, version: str = VERSION) -> None:
    write_brightness_model(folder, version=version)
    archive = artefact.pack(folder, folder / "model.tar.gz")
    world.objects.objects[PROMOTED.artefact] = archive.read_bytes()


def test_the_job_itself_predicts_with_the_planned_model(tmp_path: Path) -> None:
    images = {f"{number}.png": shade(value) for number, value in enumerate([0, 255, 10, 250, 0])}
    world = World(images | {"x.txt": b"not an image", "y.png": shade(0)[:-20]}, method="model")
    put_model(tmp_path, world)
    plan = world.plan(PROMOTED)
    world.predict = Local(loaded(plan, world.objects), cores=2, limit=LIMIT).predict

    world.run(plan, concurrency=3)

    told = {row["input_key"][3:]: row["label"] or f"!{row['error']}" for row in world.rows()}
    assert told == {
        "0.png": "dark",
        "1.png": "light",
        "2.png": "dark",
        "3.png": "light",
        "4.png": "dark",
        "x.txt": "!unsupported",
        "y.png": "!truncated",
    }
    assert {row["variant"] for row in world.rows() if row["label"]} == {"batch"}
    assert {row["model_version"] for row in world.rows() if row["label"]} == {VERSION}
    conserved(world, plan)


def test_a_model_that_is_another_than_planned_is_not_used(tmp_path: Path) -> None:
    world = World({"a.png": b""}, method="model")
    put_model(tmp_path, world, version="run-20260101-000000-ffff")
    plan = world.plan(PROMOTED)
    with pytest.raises(InvalidInput, match="holds the version"):
        loaded(plan, world.objects)


def transform(plan: BatchPlan, world: World, wrap: Callable[[Any, Any], Any]) -> None:
    """Answer the records of a transform job as SageMaker lays them down."""
    records = [
        line
        for key in world.objects.keys("s3://results/runs/batch/night-1/transform/in/")
        for line in world.objects.read_bytes(f"s3://results/{key}").splitlines()
    ]
    lines = []
    for record in records:
        asked = json.loads(record)
        entries = [
            world.endpoint._entry(world.objects.objects[each["s3"]].decode()) for each in asked
        ]
        lines.append(json.dumps(wrap(asked, {"predictions": entries})))
    address = f"s3://results/{transform_output_key('night-1', 0)}"
    world.objects.objects[address] = "\n".join(lines).encode()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda _asked, said: said,
        lambda asked, said: {"SageMakerInput": asked, "SageMakerOutput": said},
    ],
    ids=["order", "JoinSource"],
)
def test_a_transform_jobs_answers_are_the_same_rows(wrap: Callable[[Any, Any], Any]) -> None:
    world = World(dark(7) | {"bad.jpg": b"refuse:truncated"}, method="transform")
    plan = world.plan(PROMOTED)
    transform(plan, world, wrap)

    report = world.run(plan)

    assert (report.results, report.by_reason) == (7, {"truncated": 1})
    assert all(row["label"] == "dark" for row in world.rows() if row["error"] is None)
    conserved(world, plan)


def test_answers_of_a_transform_job_that_do_not_fit_are_no_rows() -> None:
    world = World(dark(7), method="transform")
    plan = world.plan(PROMOTED)
    with pytest.raises(NotFound):
        world.run(plan)

    transform(plan, world, lambda _asked, said: {"predictions": said["predictions"][:1]})
    with pytest.raises(InvalidInput, match="answers 3 images of 7"):
        world.run(plan)
    transform(plan, world, lambda _asked, _said: "hello")
    with pytest.raises(InvalidInput, match="Line 1"):
        world.run(plan)
    assert world.rows() == []
