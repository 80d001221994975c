"""Puts the version that active-version names into production, or says why it cannot."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws import endpoint, executions, topics
from visionml.aws.endpoint import EndpointState
from visionml.aws.parameters import Parameters
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import VersionWatcherEnvironment
from visionml.contracts.names import VARIANT_A, active_version_parameter
from visionml.handlers.observability import Event, count, logger, observed
from visionml.promotion import rollback, watching
from visionml.promotion.claim import Claims
from visionml.promotion.in_service import InService, in_service
from visionml.promotion.watching import Occasion, Verdict
from visionml.registry.lineage import Lineage
from visionml.registry.versions import Versions

environment = VersionWatcherEnvironment.read()
aws = Aws()
table = Table(aws.dynamodb, environment.lineage_table)
lineage, claims = Lineage(table), Claims(table, environment.endpoint_name)
versions = Versions(Parameters(aws.parameters), environment.resource_prefix)
objects = Objects(aws.s3)
parameter = active_version_parameter(environment.resource_prefix)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Compare the parameter with what serves; answer the ``Verdict`` that was acted on."""
    occasion = watching.occasion_of(event)
    state = endpoint.find(aws.sagemaker, environment.endpoint_name)
    if state is None:
        logger.warning("there is no endpoint")
        return {"action": "keep"}
    verdict = judged(occasion, state)
    logger.info("active-version judged", extra=verdict.model_dump())
    if verdict.action == "roll_back":
        started = rollback.begin(
            aws.states, environment.deployment_machine_arn, str(verdict.wanted)
        )
        count("RollbacksStarted")
        return {**verdict.model_dump(), "deployment_id": started.deployment_id}
    if verdict.action == "put_back":
        put_back(verdict)
    return verdict.model_dump()


def judged(occasion: Occasion, state: EndpointState) -> Verdict:
    """Look at everything that counts, and decide."""
    return watching.decide(
        occasion,
        asked=versions.asked_for(),
        now=serving(state),
        holder=claims.bars_rollback(running),
        check=lambda version: rollback.restorable(
            version, versions=versions, lineage=lineage, objects=objects
        ),
        why=lambda deployment_id: watching.ending(lineage, deployment_id),
    )


def serving(state: EndpointState) -> InService:
    """Look up what the endpoint runs."""
    return in_service(
        state,
        artefact=lambda config: endpoint.artefacts(aws.sagemaker, config).get(VARIANT_A),
        versions=versions,
        prefix=environment.resource_prefix,
        environment=environment.environment,
    )


def running(execution: str) -> bool:
    """Tell whether an execution of the deployment machine still runs."""
    return executions.status(aws.states, execution) == "RUNNING"


def put_back(verdict: Verdict) -> None:
    """Let the parameter name what serves, and tell people."""
    if verdict.serving:
        versions.activate(verdict.serving)
    else:
        versions.deactivate()
    count("ActiveVersionsPutBack")
    topics.announce(
        aws.sns,
        environment.topic_arn,
        subject=f"active-version names {verdict.serving or 'no version'} again",
        message=watching.notice(parameter, verdict),
    )
