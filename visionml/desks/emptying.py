"""Buckets that go with their stacks have to be empty first, former versions included."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from visionml.aws.errors import translated
from visionml.aws.object_versions import ObjectVersions
from visionml.aws.s3 import uri
from visionml.aws.session import Aws
from visionml.desks.platform import Say
from visionml.errors import NotFound

_AT_ONCE = 1000
_TOLD_EVERY = 100_000


def empty(aws: Aws, stacks: Iterable[str], say: Say) -> int:
    """Empty the buckets that deleting these stacks would delete; return how many versions went.

    Buckets that a stack retains are left alone, and so are those that it only names.
    """
    return sum(_empty(aws, bucket, say) for stack in stacks for bucket in _buckets(aws, stack))


def _buckets(aws: Aws, stack: str) -> Iterator[str]:
    try:
        with translated(f"read the stack {stack}"):
            template: Any = aws.cloudformation.get_template(StackName=stack)["TemplateBody"]
            pages = aws.cloudformation.get_paginator("list_stack_resources").paginate(
                StackName=stack
            )
            found = [each for page in pages for each in page["StackResourceSummaries"]]
    except NotFound:  # it was deleted meanwhile
        return
    for resource in found:
        declared = template.get("Resources", {}).get(resource["LogicalResourceId"], {})
        goes = declared.get("DeletionPolicy", "Delete") == "Delete"
        bucket = resource.get("PhysicalResourceId")
        if resource["ResourceType"] == "AWS::S3::Bucket" and goes and bucket:
            yield str(bucket)


def _empty(aws: Aws, bucket: str, say: Say) -> int:
    versions = ObjectVersions(aws.s3)
    waiting = versions.below(uri(bucket, ""))
    gone = 0
    try:
        while batch := list(islice(waiting, _AT_ONCE)):
            gone += versions.delete(batch)
            if gone % _TOLD_EVERY == 0:
                say(f"{bucket}: {gone:,} versions deleted so far")
    except NotFound:  # a deployment that failed never made it
        return gone
    if gone:
        say(f"{bucket}: emptied, {gone:,} versions")
    return gone
