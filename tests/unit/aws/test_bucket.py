"""Forms are pinned; who may list only below a prefix is told what has gone all the same."""

import base64
import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from visionml.aws.bucket import Bucket, Exact
from visionml.aws.s3 import Location
from visionml.errors import AccessDenied, NotFound


class Forbidding:
    """An S3 client that refuses objects and lists the versions it is given."""

    def __init__(self, *versions: str) -> None:
        self.versions = versions

    def get_object(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "No."}}, "GetObject")

    copy_object = get_object

    def get_paginator(self, operation: str) -> "Forbidding":
        assert operation == "list_object_versions"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803 - boto3's
        return [
            {
                "Versions": [
                    {"Key": key, "VersionId": each, "IsLatest": False, "ETag": "e"}
                    for each in self.versions
                    for key in (Prefix, f"{Prefix}-longer")
                ]
            }
        ]


def test_a_form_takes_one_key_type_size_and_owner() -> None:
    client = boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}),
    )
    form = Bucket(client, "images").form(
        "uploads/1/a.jpg",
        content_type="image/jpeg",
        length=7,
        metadata={"user": "u-1"},
        seconds=300,
    )
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    assert form.url == "https://images.s3.eu-west-1.amazonaws.com/"
    assert (
        form.fields.items()
        >= {
            "key": "uploads/1/a.jpg",
            "Content-Type": "image/jpeg",
            "x-amz-meta-user": "u-1",
            "x-amz-algorithm": "AWS4-HMAC-SHA256",
        }.items()
    )
    for condition in (
        {"bucket": "images"},
        {"key": "uploads/1/a.jpg"},
        {"Content-Type": "image/jpeg"},
        {"x-amz-meta-user": "u-1"},
        ["content-length-range", 7, 7],
    ):
        assert condition in policy["conditions"]


@pytest.mark.parametrize(
    ("listed", "raised"), [(("v0", "v1"), AccessDenied), (("v0",), NotFound), ((), NotFound)]
)
def test_a_refusal_means_that_a_version_has_gone_where_it_is_not_listed(
    listed: tuple[str, ...], raised: type[Exception]
) -> None:
    bucket = Bucket(Forbidding(*listed), "images")  # type: ignore[arg-type]
    with pytest.raises(raised):
        bucket.read("uploads/1", "v1", limit=10)
    with pytest.raises(raised):
        bucket.copy(Exact("uploads/1", "v1", "e"), Location("images", "x"), content_type="a/b")
