"""The operations on tags."""

from typing import Any

from visionml.local.batch.faults import client, invalid
from visionml.local.batch.world import World
from visionml.local.sagemaker.core import Caller, Document

_MOST = 50


def add(world: World, caller: Caller, request: Document) -> Document:
    """TagResource."""
    del caller
    found = _found(world, request["resourceArn"])
    tags = {**found.tags, **request["tags"]}
    if len(tags) > _MOST:
        raise invalid(f"A resource can have at most {_MOST} tags")
    found.tags = tags
    return {}


def remove(world: World, caller: Caller, request: Document) -> Document:
    """UntagResource."""
    del caller
    found, keys = _found(world, request["resourceArn"]), request["tagKeys"]
    found.tags = {key: value for key, value in found.tags.items() if key not in keys}
    return {}


def listed(world: World, caller: Caller, request: Document) -> Document:
    """ListTagsForResource."""
    del caller
    return {"tags": dict(_found(world, request["resourceArn"]).tags)}


def _found(world: World, arn: str) -> Any:
    found = world.state.tagged(arn)
    if found is None:
        raise client(f"{arn} does not exist")
    return found
