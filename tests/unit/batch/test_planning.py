"""What a run reads is decided once, cut into parts, and never changed."""

from datetime import UTC, datetime

import pytest

from tests.fakes.objects import MemoryObjects, etag_of
from visionml.batch.planning import Cut, check_source, planned, remaining
from visionml.batch.store import Store
from visionml.contracts.batch import (
    BatchGroup,
    BatchPlan,
    BatchRequest,
    inputs_key,
    plan_key,
    transform_input_key,
)
from visionml.contracts.registry import VersionRecord
from visionml.errors import Conflict, InvalidInput, NotFound

NOW = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
VERSION = VersionRecord(
    version="run-20260101-000000-abcd",
    model_package_arn="arn",
    artefact="s3://models/model.tar.gz",
    image="image",
    metrics={},
    dataset="shades",
    dataset_version="1",
    created=NOW,
)
CUT = Cut(images_per_part=4, parts_per_group=2, images_per_record=3)
REQUEST = BatchRequest(run_id="night-1", bucket="raw", prefix="batch/")


def world(images: int) -> MemoryObjects:
    return MemoryObjects(
        {f"s3://raw/batch/{number:03}.jpg": bytes([number]) for number in range(images)}
    )


def plan(
    objects: MemoryObjects,
    request: BatchRequest = REQUEST,
    *,
    version: VersionRecord | None = VERSION,
    cut: Cut = CUT,
) -> BatchPlan:
    return planned(
        request, store=Store(objects, "results"), version=lambda: version, cut=cut, now=NOW
    )


def test_every_image_is_in_one_part_with_what_tells_it_from_another() -> None:
    objects = world(10)
    objects.objects |= {"s3://raw/batch/": b"", "s3://raw/other/1.jpg": b"1"}

    made = plan(objects)

    assert (made.inputs, made.parts, made.day) == (10, 3, "2026-11-20")
    assert made.groups == (BatchGroup(first=0, size=2), BatchGroup(first=2, size=1))
    inputs = [
        each for part in range(3) for each in Store(objects, "results").inputs("night-1", part)
    ]
    assert [each.key for each in inputs] == [f"batch/{number:03}.jpg" for number in range(10)]
    assert {(each.etag, each.bytes) for each in inputs[:1]} == {(etag_of(b"\0"), 1)}
    assert (made.model_version, made.artefact) == (VERSION.version, VERSION.artefact)


def test_a_plan_that_is_there_is_used_again_whatever_came_since() -> None:
    objects = world(5)
    first = plan(objects)
    objects.objects["s3://raw/batch/999.jpg"] = b"late"

    assert plan(objects, version=None) == first


def test_two_planners_at_once_end_with_one_plan() -> None:
    objects = world(5)

    def another_is_faster(what: str, address: str) -> None:
        if (what, address) == ("write", f"s3://results/{plan_key('night-1')}"):
            objects.step = lambda _what, _address: None
            theirs.append(plan(objects, version=None))

    theirs: list[BatchPlan] = []
    objects.step = another_is_faster

    assert [plan(objects)] == theirs


def test_a_run_of_another_request_is_refused() -> None:
    objects = world(5)
    plan(objects)

    with pytest.raises(Conflict, match="planned for another request"):
        plan(objects, REQUEST.model_copy(update={"method": "model"}))


def test_what_a_planner_left_that_came_to_no_end_is_gone() -> None:
    objects = world(10)
    transform = REQUEST.model_copy(update={"method": "transform"})
    plan(objects, transform)
    del objects.objects[f"s3://results/{plan_key('night-1')}"]
    for number in range(2, 10):
        del objects.objects[f"s3://raw/batch/{number:03}.jpg"]

    assert plan(objects, transform).parts == 1
    left = [key for key in objects.keys("s3://results/") if key.endswith(".jsonl")]
    assert left == [inputs_key("night-1", 0), transform_input_key("night-1", 0)]


def test_the_records_of_a_transform_job_are_lists_so_that_no_image_fails_the_others() -> None:
    objects = world(5)
    plan(objects, REQUEST.model_copy(update={"method": "transform"}))

    lines = objects.read_bytes(f"s3://results/{transform_input_key('night-1', 0)}").splitlines()
    assert [line.count(b'{"s3": "s3://raw/batch/') for line in lines] == [3, 1]
    assert all(line.startswith(b"[") and line.endswith(b"]") for line in lines)


def test_a_prefix_without_images_is_a_run_without_parts() -> None:
    assert plan(world(0)).groups == ()


@pytest.mark.parametrize("method", ["model", "transform"])
def test_a_method_that_needs_a_model_is_refused_without_one(method: str) -> None:
    request = BatchRequest.model_validate({**REQUEST.model_dump(), "method": method})

    with pytest.raises(NotFound, match="needs a model"):
        plan(world(1), request, version=None)
    with pytest.raises(InvalidInput, match="was cleaned"):
        plan(world(1), request, version=VERSION.model_copy(update={"expired": NOW}))


def test_only_the_buckets_of_images_are_read() -> None:
    check_source(REQUEST, buckets=("raw", "images"))
    with pytest.raises(InvalidInput, match="'raw'"):
        check_source(REQUEST, buckets=("images",))


def test_what_is_left_of_a_run_is_the_parts_without_a_report() -> None:
    made = plan(world(40), cut=Cut(images_per_part=4))

    assert remaining(made, range(10), parts_per_group=5) == ()
    assert remaining(made, [0, 3, 99], parts_per_group=5) == (
        BatchGroup(first=1, size=2),
        BatchGroup(first=4, size=5),
        BatchGroup(first=9, size=1),
    )
