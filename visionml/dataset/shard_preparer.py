"""The Lambda function that prepares one shard; it runs in the image of the jobs."""

import logging
from typing import Any

from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.contracts.environment import ShardPreparerEnvironment
from visionml.contracts.preparation import ShardOrder, ShardPrepared
from visionml.dataset.prepare_shard import prepare_shard

environment = ShardPreparerEnvironment.read()
logging.getLogger().setLevel(environment.log_level)
objects = Objects(Aws().s3)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer a ``ShardOrder`` with a ``ShardPrepared``."""
    images = prepare_shard(
        ShardOrder.model_validate(event),
        objects,
        raw_bucket=environment.raw_bucket,
        datasets_bucket=environment.datasets_bucket,
    )
    return ShardPrepared(images=images).model_dump(mode="json")
