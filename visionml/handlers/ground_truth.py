"""Answers ``POST /predictions/{id}/truth``: takes what the image of an answer really shows."""

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import GroundTruthEnvironment
from visionml.handlers.answering import Reply, answering, body_of
from visionml.handlers.observability import count, metrics
from visionml.serving.truth_records import TruthRecords
from visionml.serving.truths import ReportedClasses, Truths, truth_of

environment = GroundTruthEnvironment.read()
aws = Aws()
truths = Truths(
    Table(aws.dynamodb, environment.predictions_table),
    days=environment.results_days,
    records=TruthRecords(Objects(aws.s3), environment.results_bucket),
)
classes = ReportedClasses(Objects(aws.s3), environment.models_bucket)


@answering(environment)
def handler(request: APIGatewayProxyEvent) -> Reply:
    """Answer a proxy event with a ``ToldTruth``."""
    truth = truth_of(body_of(request))
    prediction_id = (request.path_parameters or {}).get("id", "")
    told = truths.tell(prediction_id, truth.label, classes=classes)
    count("TruthsTold")
    metrics.add_metric(name="TruthsRight", unit=MetricUnit.Count, value=int(told.right))
    return Reply(200, told)
