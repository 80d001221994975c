"""Versions are listed with the marks of deletions, and deleted for good or told."""

from collections.abc import Iterator
from typing import Any

import pytest

from visionml.aws.object_versions import ObjectVersions, Version
from visionml.errors import AccessDenied, VisionmlError


class Client:
    """Answers as S3 documents it."""

    def __init__(self, *errors: dict[str, str]) -> None:
        self.errors, self.deleted = list(errors), []  # type: tuple[list[dict[str, str]], list[Any]]

    def get_paginator(self, name: str) -> "Client":
        assert name == "list_object_versions"
        return self

    def paginate(self, **asked: str) -> Iterator[dict[str, Any]]:
        assert asked == {"Bucket": "images", "Prefix": "cats/1"}
        old = {"Key": "cats/1", "VersionId": "b", "IsLatest": False, "ETag": '"e"'}
        yield {"Versions": [old]}
        yield {"DeleteMarkers": [{"Key": "cats/1", "VersionId": "c", "IsLatest": True}]}
        yield {}

    def delete_objects(self, **asked: Any) -> dict[str, Any]:
        self.deleted.append((asked["Bucket"], len(asked["Delete"]["Objects"])))
        return {"Errors": self.errors}


def objects(client: Client) -> ObjectVersions:
    return ObjectVersions(client)  # type: ignore[arg-type]


def test_marks_of_deletions_are_versions_that_nobody_reads() -> None:
    assert list(objects(Client()).below("s3://images/cats/1")) == [
        Version("images", "cats/1", "b", readable=False, etag='"e"'),
        Version("images", "cats/1", "c", readable=False),
    ]


def test_many_versions_are_deleted_a_thousand_at_once_in_each_bucket() -> None:
    client = Client()
    versions = [Version("images", f"cats/{number}", "v") for number in range(1001)]
    assert objects(client).delete([*versions, Version("raw", "a", "v")]) == 1002
    assert client.deleted == [("images", 1000), ("images", 1), ("raw", 1)]
    assert objects(client).delete([]) == 0


@pytest.mark.parametrize(
    ("code", "kind"), [("AccessDenied", AccessDenied), ("InternalError", VisionmlError)]
)
def test_a_version_that_s3_keeps_is_told(code: str, kind: type[VisionmlError]) -> None:
    client = Client({"Key": "cats/1", "Code": code, "Message": "No."})
    with pytest.raises(kind, match=rf"Could not delete s3://images/cats/1: {code}: No\.") as raised:
        objects(client).delete([Version("images", "cats/1", "v")])
    assert type(raised.value) is kind
