"""Holds an evaluation report against the gates."""

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.contracts.environment import GateEnvironment
from visionml.contracts.training import GateRequest
from visionml.evaluation.gate import judge
from visionml.handlers.observability import Event, logger, metrics, observed
from visionml.registry.register import read_report

environment = GateEnvironment.read()
objects = Objects(Aws().s3)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Judge the report that a ``GateRequest`` names and answer a ``Verdict``."""
    asked = GateRequest.model_validate(event)
    logger.append_keys(run_id=asked.request.run_id)
    report = read_report(objects, asked.evaluation_s3_uri)
    verdict = judge(report, environment)
    metrics.add_metric(name="HoldoutAccuracy", unit=MetricUnit.NoUnit, value=report.accuracy)
    logger.info("model judged", extra={"passed": verdict.passed, "reason": verdict.reason})
    return verdict.model_dump(mode="json")
