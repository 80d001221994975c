"""The traffic of an endpoint is shared anew from a session."""

from collections import Counter

import pytest

from tests.functional.sagemaker.world import World
from visionml.contracts import settings
from visionml.desks.endpoint import Endpoint
from visionml.desks.platform import Platform
from visionml.errors import InvalidInput


def desk(world: World, name: str) -> Endpoint:
    """Return the desk of an endpoint of that name."""
    platform = Platform(
        settings=settings.load("local"),
        aws=world.aws,
        say=lambda _line: None,
        api_address=lambda _api, _stage: "",
        ca_bundle=None,
    )
    found = Endpoint(platform)
    found.name = name
    return found


def test_requests_follow_the_weights_that_are_set(world: World) -> None:
    models = world.model(GREETING="a"), world.model(GREETING="b")
    name = world.endpoint(world.config(*models, weights=(1.0, 0.0)))
    endpoint = desk(world, name)
    assert list(endpoint.traffic()["share"]) == [1, 0]
    before = Counter(world.ask(name).split()[0] for _ in range(10))
    shared = endpoint.set_traffic(ModelA=50, ModelB=50)
    after = Counter(world.ask(name).split()[0] for _ in range(40))
    assert list(shared["share"]) == [0.5, 0.5]
    assert len(before) == 1
    assert len(after) == 2
    with pytest.raises(InvalidInput, match="no variant ModelC"):
        endpoint.set_traffic(ModelC=1)
    with pytest.raises(InvalidInput, match="Nobody would get any traffic"):
        endpoint.set_traffic(ModelA=0, ModelB=0)
