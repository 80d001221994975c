"""The Lambda function that makes baselines; it runs in the image of the jobs.

It is called once a rollout has ended, for each version that it brought, and whenever a version
answers that has no baseline. What is there already, and can be read, stays.
"""

import logging
import tempfile
from pathlib import Path
from typing import Any

from visionml.aws.parameters import Parameters
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.contracts.environment import BaselineMakerEnvironment
from visionml.contracts.watching import BaselineMade
from visionml.errors import InvalidInput
from visionml.monitoring.baselines import Baselines
from visionml.monitoring.making import make, opened
from visionml.registry.versions import Versions

environment = BaselineMakerEnvironment.read()
logging.getLogger().setLevel(environment.log_level)
log = logging.getLogger(__name__)
aws = Aws()
objects = Objects(aws.s3)
versions = Versions(Parameters(aws.parameters), environment.resource_prefix)
baselines = Baselines(objects, environment.models_bucket)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer EventBridge's event of a deployment or a missing baseline with what was made."""
    made = [_made(version) for version in _versions(event)]
    for each in made:
        log.info("baseline of %s %s, %d images", each.model_version, each.outcome, each.samples)
    return {"baselines": [each.model_dump(mode="json") for each in made]}


def _versions(event: dict[str, Any]) -> list[str]:
    detail = event.get("detail")
    if not isinstance(detail, dict) or not detail.get("model_version"):
        raise InvalidInput("The event names no model version, so no baseline can be made.")
    named = (detail.get(each) for each in ("model_version", "challenger_version"))
    return [str(version) for version in named if version]


def _made(version: str) -> BaselineMade:
    known = baselines.find(version)
    if known is not None:
        return BaselineMade(model_version=version, outcome="known", samples=known.facts.samples)
    record = versions.read(version)
    with tempfile.TemporaryDirectory() as folder:
        baseline = make(
            opened(objects, record, Path(folder)),
            objects,
            bucket=environment.datasets_bucket,
            record=record,
            most=environment.baseline_images,
            false_alarm_rate=environment.false_alarm_rate,
        )
    baselines.write(version, baseline)
    return BaselineMade(model_version=version, outcome="made", samples=baseline.facts.samples)
