"""Tells the deployment that waits for a model package what a person has decided."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.callbacks import Callbacks
from visionml.aws.packages import Packages
from visionml.aws.session import Aws
from visionml.aws.table import Table
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
    """Act on SageMaker's event that a model package has changed."""
    arn = str(event["detail"]["ModelPackageArn"])
    approval = approvals.settle(arn)
    count("ApprovalsSettled")
    logger.info("model package looked at", extra={"package_arn": arn, "approval": approval})
    return {"package_arn": arn, "approval": approval}
