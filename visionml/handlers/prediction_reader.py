"""Answers ``GET /predictions/{id}``: 200 once it is made or has failed, 202 until then."""

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import PredictionReaderEnvironment
from visionml.handlers.answering import RETRY_AFTER_SECONDS, Reply, answering
from visionml.serving.predictions import Predictions

environment = PredictionReaderEnvironment.read()
predictions = Predictions(
    Table(Aws().dynamodb, environment.predictions_table), days=environment.results_days
)


@answering(environment)
def handler(request: APIGatewayProxyEvent) -> Reply:
    """Answer a proxy event with a ``PredictionState``."""
    state = predictions.get((request.path_parameters or {}).get("id", ""))
    if state.status == "pending":
        return Reply(202, state, {"Retry-After": str(RETRY_AFTER_SECONDS)})
    return Reply(200, state)
