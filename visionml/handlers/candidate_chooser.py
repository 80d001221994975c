"""Looks up the best model of a run and the model in production that it has to beat."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.jobs import Jobs
from visionml.aws.parameters import Parameters
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import CandidateChooserEnvironment
from visionml.contracts.training import CandidateRequest
from visionml.handlers.observability import Event, logger, observed
from visionml.registry import candidates, runs
from visionml.registry.lineage import Lineage
from visionml.registry.versions import Versions

environment = CandidateChooserEnvironment.read()
aws = Aws()
jobs = Jobs(aws.sagemaker)
versions = Versions(Parameters(aws.parameters), environment.resource_prefix)
lineage = Lineage(Table(aws.dynamodb, environment.lineage_table))


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Answer a ``CandidateRequest`` with a ``Chosen``."""
    asked = CandidateRequest.model_validate(event)
    logger.append_keys(run_id=asked.request.run_id)
    chosen = candidates.choose(asked, jobs=jobs, versions=versions)
    runs.choose(lineage, asked.request.run_id, chosen)
    best = chosen.candidate
    logger.info("candidate chosen", extra={"job": best.job, "value": best.value})
    return chosen.model_dump(mode="json")
