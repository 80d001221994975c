"""Keeps the token of a deployment that waits for a person's approval of its model package."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.callbacks import Callbacks
from visionml.aws.packages import Packages
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.deployment import DeploymentPlan
from visionml.contracts.environment import ApprovalEnvironment
from visionml.handlers.observability import Event, count, logger, observed
from visionml.promotion.approval import Approvals

environment = ApprovalEnvironment.read()
aws = Aws()
approvals = Approvals(
    Table(aws.dynamodb, environment.lineage_table),
    Packages(aws.sagemaker),
    Callbacks(aws.states),
)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Wait on behalf of the ``DeploymentPlan`` in `plan` with the task's `token`."""
    plan = DeploymentPlan.model_validate(event["plan"])
    logger.append_keys(deployment_id=plan.deployment_id, model_version=plan.model_version)
    approval = approvals.wait(plan, event["token"])
    count("ApprovalsRequested")
    logger.info("approval asked for", extra={"approval": approval})
    return {"approval": approval}
