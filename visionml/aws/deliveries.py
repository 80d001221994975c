"""Objects that others put into a bucket, by when they did."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from visionml.aws.errors import translated
from visionml.aws.s3 import parse_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def delivered(client: "S3Client", prefix: str, *, since: datetime) -> Iterator[str]:
    """Yield the ``s3://`` URIs below a prefix of objects written at `since` or later, by key."""
    bucket, start = parse_uri(prefix)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start)
    with translated(f"list {prefix}"):
        for page in pages:
            for found in page.get("Contents", []):
                if found["LastModified"] >= since:
                    yield f"s3://{bucket}/{found['Key']}"
