"""The figures that are watched: one table, from which alarms and the dashboard are made."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import IMetric, MathExpression, Metric

from visionml.contracts.names import API_STAGE, VARIANT_A, Names
from visionml.contracts.settings import Settings

PERIOD = Duration.minutes(5)
MICROSECONDS = 1000  # in a millisecond: the unit of SageMaker's latencies


@dataclass(frozen=True)
class Signal:
    """One figure, and the threshold above which, or below which, it alarms."""

    name: str
    title: str
    description: str
    metric: IMetric
    threshold: float
    periods: int = 1
    below: bool = False
    silent: bool = True
    """Whether no figure at all is no trouble."""
    hurts: bool = False
    """Whether users notice."""


def signals(settings: Settings, names: Names, *, account: str) -> list[Signal]:
    """Return the signals of an environment; each takes its metric by name from AWS."""
    return [*_serving(settings, names), *_control(names, account)]


def _serving(settings: Settings, names: Names) -> list[Signal]:
    alarms = settings.alarms
    return [
        Signal(
            "endpoint-errors",
            "Share of failed invocations",
            f"More than {alarms.error_share:.1%} of invocations end in a 5XX, crash or timeout.",
            error_share(names.endpoint, VARIANT_A),
            alarms.error_share,
            periods=2,
            hurts=True,
        ),
        Signal(
            "api-errors",
            "Share of API requests that fail",
            f"More than {alarms.error_share:.1%} of API requests end with a 5XX.",
            api_errors(names.api),
            alarms.error_share,
            periods=2,
            hurts=True,
        ),
        Signal(
            "endpoint-latency-average",
            "Model latency, average (us)",
            f"Answers take longer than {alarms.latency_average_ms} ms on average.",
            endpoint_metric("ModelLatency", names.endpoint, VARIANT_A, statistic="Average"),
            alarms.latency_average_ms * MICROSECONDS,
            periods=3,
        ),
        Signal(
            "endpoint-latency-p99",
            "Model latency, p99 (us)",
            f"One answer in a hundred takes longer than {alarms.latency_p99_ms} ms.",
            endpoint_metric("ModelLatency", names.endpoint, VARIANT_A, statistic="p99"),
            alarms.latency_p99_ms * MICROSECONDS,
            periods=3,
            hurts=True,
        ),
        Signal(
            "adapter-errors",
            "Inference adapter errors",
            "The Lambda function between the API and the endpoint raised an error.",
            function_errors(names.function("inference_adapter")),
            0,
        ),
        Signal(
            "failed-requests",
            "Requested predictions that were given up",
            "A queue tells of requests that could not be answered within their time.",
            waiting(names.failed_requests_queue),
            0,
        ),
        Signal(
            "answer-keeper-errors",
            "Answers that are not kept",
            "The function that keeps answers until their truth is told raised an error.",
            function_errors(names.function("answer_keeper")),
            0,
        ),
    ]


def _control(names: Names, account: str) -> list[Signal]:
    machines = {"training": names.training_machine, "deployment": names.deployment_machine}
    failures = [
        Signal(
            f"{kind}-failures",
            f"Failed {kind} executions",
            f"The {kind} machine ended without success; the execution's cause says why.",
            Metric(
                namespace="AWS/States",
                metric_name="ExecutionsFailed",
                dimensions_map={"StateMachineArn": names.state_machine_arn(machine, account)},
                statistic="Sum",
                period=PERIOD,
            ),
            0,
        )
        for kind, machine in machines.items()
    ]
    untriggered = Signal(
        "training-trigger-errors",
        "Training runs that were not started",
        "The Lambda function that starts training on events raised an error.",
        function_errors(names.function("run_starter")),
        0,
    )
    unwatched = Signal(
        "active-version-errors",
        "Changes of active-version that nobody acted on",
        "The Lambda function that watches active-version raised an error.",
        function_errors(names.function("active_version_watcher")),
        0,
    )
    return [*failures, untriggered, unwatched]


def function_errors(function: str) -> Metric:
    """Return the number of a Lambda function's invocations that raised an error."""
    return Metric(
        namespace="AWS/Lambda",
        metric_name="Errors",
        dimensions_map={"FunctionName": function},
        statistic="Sum",
        period=PERIOD,
    )


def api_errors(api: str) -> Metric:
    """Return the share of an API's requests that end with a 5XX."""
    # API Gateway publishes 0 or 1 for each request, so the average is the share
    return Metric(
        namespace="AWS/ApiGateway",
        metric_name="5XXError",
        dimensions_map={"ApiName": api, "Stage": API_STAGE},
        statistic="Average",
        period=PERIOD,
    )


def waiting(queue: str, metric: str = "ApproximateNumberOfMessagesVisible") -> Metric:
    """Return how many messages wait in a queue, or how long the oldest one has."""
    return Metric(
        namespace="AWS/SQS",
        metric_name=metric,
        dimensions_map={"QueueName": queue},
        statistic="Maximum",
        period=PERIOD,
    )


def endpoint_metric(
    name: str, endpoint: str, variant: str, *, statistic: str = "Sum", period: Duration = PERIOD
) -> Metric:
    """Return one of SageMaker's metrics of an endpoint variant."""
    return Metric(
        namespace="AWS/SageMaker",
        metric_name=name,
        dimensions_map={"EndpointName": endpoint, "VariantName": variant},
        statistic=statistic,
        period=period,
    )


def error_share(endpoint: str, variant: str, *, period: Duration = PERIOD) -> MathExpression:
    """Return failed invocations as a share of all, 0 while there are none.

    SageMaker counts every answer that is no 2XX as a model error, the container's 4XX included. A
    refused image is the caller's mistake, so those are taken off; what is left are 5XX, crashes
    and timeouts. The 5XX are counted in both metrics, so the larger figure is the right one.
    """
    metrics = {
        "invocations": "Invocations",
        "failed": "Invocation5XXErrors",
        "model_errors": "InvocationModelErrors",
        "refused": "Invocation4XXErrors",
    }
    return MathExpression(
        expression=(
            "IF(FILL(invocations, 0) > 0, "
            "MAX([FILL(failed, 0), FILL(model_errors, 0) - FILL(refused, 0)]) "
            "/ FILL(invocations, 1), 0)"
        ),
        label="failed share",
        period=period,
        using_metrics={
            each: endpoint_metric(metric, endpoint, variant, period=period)
            for each, metric in metrics.items()
        },
    )
