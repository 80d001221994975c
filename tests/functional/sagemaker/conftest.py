"""The fixtures of all SageMaker tests."""

import contextlib
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.functional.sagemaker.world import World, world

__all__ = ["world"]


@pytest.fixture(autouse=True)
def _ended_endpoints(world: World) -> Iterator[None]:
    """End the endpoints that a test has created."""
    before = len(world.endpoints)
    yield
    for name in world.endpoints[before:]:
        with contextlib.suppress(ClientError):  # the test has deleted it
            world.aws.sagemaker.delete_endpoint(EndpointName=name)
