"""Versions live in Parameter Store; the first record of a version stays."""

from datetime import UTC, datetime

import pytest

from tests.fakes.parameters import MemoryParameters
from visionml.contracts.names import active_version_parameter, version_parameter
from visionml.contracts.registry import VersionRecord
from visionml.errors import InvalidInput, NotFound
from visionml.registry.versions import Versions

OLD, NEW = "run-20261119-101500-a1b2", "run-20261120-101500-a1b2"


def record(version: str, image: str = "image:1") -> VersionRecord:
    return VersionRecord(
        version=version,
        model_package_arn="arn:package/1",
        artefact="s3://models/model.tar.gz",
        image=image,
        metrics={"accuracy": 0.98},
        dataset="digits",
        dataset_version="abc",
        created=datetime(2026, 11, 20, tzinfo=UTC),
    )


@pytest.fixture
def store() -> MemoryParameters:
    return MemoryParameters()


@pytest.fixture
def versions(store: MemoryParameters) -> Versions:
    return Versions(store, "ml-pipeline")


def test_a_version_is_read_as_it_was_written(versions: Versions) -> None:
    assert versions.write(record(NEW)) == record(NEW)
    assert versions.read(NEW) == record(NEW)


def test_the_first_record_of_a_version_stays(versions: Versions) -> None:
    versions.write(record(NEW))
    assert versions.write(record(NEW, image="image:2")).image == "image:1"


def test_an_unknown_version_is_not_found_and_says_where_it_looked(versions: Versions) -> None:
    with pytest.raises(NotFound, match="/ml-pipeline/models/versions/run-x/metadata"):
        versions.read("run-x")
    assert versions.find("run-x") is None


@pytest.mark.parametrize("garbage", ["", "garbage", "{}", "[1]"])
def test_a_parameter_that_holds_garbage_is_refused_by_name(
    versions: Versions, store: MemoryParameters, garbage: str
) -> None:
    store.put(version_parameter("ml-pipeline", NEW), garbage)
    with pytest.raises(InvalidInput, match=NEW):
        versions.read(NEW)


def test_registered_versions_come_newest_first_without_garbage(
    versions: Versions, store: MemoryParameters
) -> None:
    versions.write(record(OLD))
    versions.write(record(NEW))
    store.put(version_parameter("ml-pipeline", "run-garbage"), "garbage")
    store.put(f"/ml-pipeline/models/versions/{NEW}/baseline", "{}")
    assert [found.version for found in versions.registered()] == [NEW, OLD]


def test_the_active_version_is_none_before_the_first_promotion(versions: Versions) -> None:
    assert versions.active() is None
    versions.activate(NEW)
    versions.deactivate()
    assert versions.active() is None


def test_activating_again_writes_nothing(versions: Versions, store: MemoryParameters) -> None:
    for version in (OLD, NEW, NEW):
        versions.activate(version)
    assert versions.active() == NEW
    assert len(store.history(active_version_parameter("ml-pipeline"))) == 2


def test_a_version_expires_once(versions: Versions) -> None:
    first, later = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 4, 1, tzinfo=UTC)
    versions.write(record(OLD))
    versions.expire(versions.read(OLD), first)
    assert versions.expire(versions.read(OLD), later).expired == first
    assert versions.read(OLD) == record(OLD).model_copy(update={"expired": first})
