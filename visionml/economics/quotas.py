"""AWS's default quotas that load may reach; an account's own may be higher already."""

from dataclasses import dataclass

_GENERAL = "https://docs.aws.amazon.com/general/latest/gr/"


@dataclass(frozen=True)
class Quota:
    """One quota of an account in a region."""

    name: str
    service: str
    """As Service Quotas calls it."""
    code: str
    default: float | None
    """In us-east-1 and us-west-2; None where it differs from account to account."""
    unit: str
    source: str


LAMBDA = Quota(
    "Concurrent executions",
    "lambda",
    "L-B99A9384",
    1_000,
    "at once",
    f"{_GENERAL}lambda-service.html",
)
API = Quota(
    "Throttle rate", "apigateway", "L-8A5B8E43", 10_000, "a second", f"{_GENERAL}apigateway.html"
)
LABELS = Quota(
    "DetectLabels transactions per second",
    "rekognition",
    "",
    50,
    "a second",
    f"{_GENERAL}rekognition.html",
)
SHARDS = Quota("Shards per Region", "kinesis", "L-25CF3B3E", 20_000, "shards", f"{_GENERAL}ak.html")
TABLE = Quota(
    "Table-level write throughput limit",
    "dynamodb",
    "L-F98FE922",
    40_000,
    "units a second",
    f"{_GENERAL}ddb.html",
)
EXPRESS = Quota(
    "StartExecution of express machines",
    "states",
    "",
    6_000,
    "a second",
    "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html",
)
INSTANCES = Quota(
    "Instances of the type for endpoint usage",
    "sagemaker",
    "",
    None,
    "instances",
    f"{_GENERAL}sagemaker.html",
)
SPOT = Quota(
    "All Standard Spot Instance Requests",
    "ec2",
    "L-34B43A08",
    5,
    "vCPUs",
    f"{_GENERAL}ec2-service.html",
)
ON_DEMAND = Quota(
    "Running On-Demand Standard instances",
    "ec2",
    "L-1216C47A",
    5,
    "vCPUs",
    f"{_GENERAL}ec2-service.html",
)
IN_FLIGHT = Quota(
    "Messages in flight of a queue",
    "sqs",
    "",
    120_000,
    "messages",
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html",
)

QUOTAS = (LAMBDA, API, LABELS, SHARDS, TABLE, EXPRESS, INSTANCES, SPOT, ON_DEMAND, IN_FLIGHT)
