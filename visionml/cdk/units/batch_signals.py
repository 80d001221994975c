"""The figures of batch runs that are watched, and the graphs beside them."""

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import GraphWidget, IWidget, MathExpression, Metric

from visionml.cdk.units.signals import PERIOD, Signal
from visionml.contracts.names import METRIC_NAMESPACE, Names
from visionml.contracts.settings import Settings

SERVICE = "batch"
"""What the functions' own metrics are under."""
_LATE_HOURS = 2
"""How long after its time a run may end."""
_LONGEST_HOURS = 168
"""CloudWatch looks back over a week at most."""


def signals(settings: Settings, names: Names, *, account: str) -> list[Signal]:
    """Return the signals of the batch machine and of its schedule."""
    failed = Signal(
        "batch-failures",
        "Failed batch runs",
        "A batch run ended with parts missing, or could not be planned or counted.",
        MathExpression(
            expression="FILL(failed, 0) + FILL(late, 0)",
            label="failed",
            period=PERIOD,
            using_metrics={
                "failed": _runs(names, account, "ExecutionsFailed"),
                "late": _runs(names, account, "ExecutionsTimedOut"),
            },
        ),
        0,
    )
    return [failed, *_scheduled(settings, names, account)]


def _scheduled(settings: Settings, names: Names, account: str) -> list[Signal]:
    hours = settings.batch.schedule_hours
    if not hours:
        return []
    return [
        Signal(
            "batch-missing",
            "Batch runs that ended well",
            f"No batch run has ended well for {hours} hours and some more.",
            _runs(names, account, "ExecutionsSucceeded", period=Duration.hours(1)),
            1,
            periods=min(hours + _LATE_HOURS, _LONGEST_HOURS),
            below=True,
            silent=False,
        ),
        Signal(
            "batch-unstarted",
            "Batch runs that the schedule could not start",
            "The schedule's rule could not start the batch machine.",
            Metric(
                namespace="AWS/Events",
                metric_name="FailedInvocations",
                dimensions_map={"RuleName": names.name("batch-schedule")},
                statistic="Sum",
                period=PERIOD,
            ),
            0,
        ),
    ]


def graphs() -> list[IWidget]:
    """Return what came of the images, run by run."""
    outcomes = [_counted(name) for name in ("BatchResults", "BatchFailures", "BatchMissingParts")]
    return [GraphWidget(title="Images of batch runs", left=outcomes, width=8)]


def _runs(names: Names, account: str, metric: str, *, period: Duration = PERIOD) -> Metric:
    return Metric(
        namespace="AWS/States",
        metric_name=metric,
        dimensions_map={"StateMachineArn": names.state_machine_arn(names.batch, account)},
        statistic="Sum",
        period=period,
    )


def _counted(name: str) -> Metric:
    return Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=name,
        dimensions_map={"service": SERVICE},
        statistic="Sum",
        period=PERIOD,
    )
