"""What intake asks of a versioned bucket and of the images table, against the services."""

import re
import uuid

import pytest

from visionml.aws.bucket import BEGINNING_BYTES, Bucket
from visionml.aws.s3 import Location
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.errors import Conflict, NotFound

KEY = "uploads/../ü n?ï+code/%20&\x7f.jpg"


@pytest.fixture(scope="module")
def bucket(aws: Aws) -> Bucket:
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    aws.s3.create_bucket(Bucket=name)
    aws.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    signing = {"signature_version": "s3v4", "s3": {"addressing_style": "virtual"}}
    return Bucket(aws.client("s3", **signing), name)


@pytest.mark.parametrize("key", [KEY, "a" * 1024])
def test_one_version_is_read_copied_and_deleted(bucket: Bucket, key: str) -> None:
    first = bucket.write(key, b"first", content_type="image/jpeg", metadata={"user": "u"})
    second = bucket.write(key, b"second", content_type="image/jpeg")
    held = bucket.read(key, first, limit=5)
    assert (held.content, held.size, held.metadata) == (b"first", 5, {"user": "u"})
    assert bucket.newest(key).version == second
    copied = bucket.copy(held.exact, Location(bucket.name, "copy"), content_type="text/plain")
    bucket.delete(key, first)
    found = bucket.read("copy", copied, limit=5)
    assert (found.content, found.metadata) == (b"first", {})
    assert bucket.read(key, second, limit=10).content == b"second"
    with pytest.raises(NotFound):
        bucket.read(key, first, limit=5)
    with pytest.raises(NotFound):
        bucket.copy(held.exact, Location(bucket.name, "copy"), content_type="text/plain")
    bucket.purge(key)
    with pytest.raises(NotFound):
        bucket.newest(key)


def test_of_what_is_too_large_only_the_beginning_is_read(bucket: Bucket) -> None:
    content = bytes(range(256)) * 40
    version = bucket.write("large", content, content_type="image/jpeg")
    held = bucket.read("large", version, limit=len(content) - 1)
    assert (held.size, held.content) == (len(content), content[:BEGINNING_BYTES])


def test_only_the_content_that_was_read_is_copied(bucket: Bucket) -> None:
    version = bucket.write("mine", b"mine", content_type="image/jpeg")
    exact = bucket.read("mine", version, limit=10).exact
    with pytest.raises(Conflict):
        bucket.copy(
            exact._replace(etag='"0"'), Location(bucket.name, "x"), content_type="image/jpeg"
        )


def test_a_deletions_mark_hides_the_newest_version_and_is_purged_too(
    aws: Aws, bucket: Bucket
) -> None:
    bucket.write("marked", b"1", content_type="image/jpeg")
    aws.s3.delete_object(Bucket=bucket.name, Key="marked")
    bucket.write("marked-too", b"1", content_type="image/jpeg")
    with pytest.raises(NotFound):
        bucket.newest("marked")
    bucket.purge("marked")
    left = aws.s3.list_object_versions(Bucket=bucket.name, Prefix="marked")
    assert [each["Key"] for each in left["Versions"]] == ["marked-too"]
    assert "DeleteMarkers" not in left


@pytest.fixture(scope="module")
def table(aws: Aws) -> Table:
    name = f"images-{uuid.uuid4().hex[:8]}"
    aws.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "ImageID", "KeyType": "HASH"},
            {"AttributeName": "Timestamp", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in ("ImageID", "Timestamp", "ProcessingStatus")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "StatusIndex",
                "KeySchema": [
                    {"AttributeName": "ProcessingStatus", "KeyType": "HASH"},
                    {"AttributeName": "Timestamp", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return Table(aws.dynamodb, name, keys=("ImageID", "Timestamp"))


def test_an_item_changes_only_from_what_it_is_expected_to_be(table: Table) -> None:
    item = {"ImageID": "A", "Timestamp": "1", "ProcessingStatus": "one", "Reason": "none"}
    table.put(item, expected={"ImageID": None})
    facts = {"ProcessingStatus": "two", "Score": 0.5, "Reason": None}
    table.update("A", "1", facts=facts, expected={"ProcessingStatus": "one"})
    with pytest.raises(Conflict):
        table.update("A", "1", facts={"Score": 1}, expected={"ProcessingStatus": "one"})
    with pytest.raises(Conflict):
        table.update("none", "1", facts={"Score": 1})
    changed = {"ImageID": "A", "Timestamp": "1", "ProcessingStatus": "two", "Score": 0.5}
    assert table.newest("A") == changed
    assert table.newest("B") is None


def test_pages_hold_everything_once_newest_first(table: Table) -> None:
    for number in range(25):
        table.put(
            {
                "ImageID": f"P{number % 7}-{number}",
                "Timestamp": f"2026-11-{1 + number // 5:02d}",
                "ProcessingStatus": "paged",
                "Colour": "red" if number % 3 else "blue",
            }
        )

    lengths: list[int] = []

    def ids(limit: int, between: tuple[str, str], also: dict[str, str]) -> list[str]:
        found, after = [], None
        while True:
            items, after = table.page(
                "StatusIndex",
                partition=("ProcessingStatus", "paged"),
                between=between,
                also=also,
                limit=limit,
                after=after,
            )
            lengths.append(len(items))
            found += [item["ImageID"] for item in items]
            if after is None:
                return found

    def numbers(found: list[str]) -> list[int]:
        return sorted(int(re.split("-", each)[1]) for each in found)

    everything = ids(5, ("2026", "2027"), {})
    assert lengths == [5] * 5
    assert numbers(everything) == list(range(25))
    days = [int(each.split("-")[1]) // 5 for each in everything]
    assert days == sorted(days, reverse=True)
    assert numbers(ids(3, ("2026-11-02", "2026-11-03"), {})) == list(range(5, 15))
    assert numbers(ids(2, ("2026", "2027"), {"Colour": "blue"})) == list(range(0, 25, 3))
