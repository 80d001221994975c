"""The figures of intake and the detector that are watched, and those that are shown beside."""

from aws_cdk.aws_cloudwatch import GraphWidget, IMetric, IWidget, MathExpression, Metric

from visionml.cdk.units.signals import PERIOD, Signal, api_errors, function_errors, waiting
from visionml.contracts.intake import RefusalReason
from visionml.contracts.names import METRIC_NAMESPACE, Names
from visionml.contracts.settings import Settings

RECEIVER, RETRIER, SERVICE, DETECTOR = "receiver", "image_retrier", "intake", "detector"
"""The functions' modules, and what the metrics of the receiver and of the detector are under."""
FEWEST_FILES = 10
"""Of fewer files in five minutes a share says nothing."""


def signals(settings: Settings, *, account: str) -> list[Signal]:
    """Return the signals of intake, of its API and of the detector."""
    names, alarms = Names.of(settings), settings.alarms
    return [
        Signal(
            "intake-errors",
            "Uploads and batches that failed",
            f"Intake failed {alarms.intake_errors} times in five minutes; what failed is tried"
            " again.",
            _failures(names.function(RECEIVER)),
            alarms.intake_errors - 1,
        ),
        Signal(
            "intake-duration",
            "Intake, average of a batch (ms)",
            f"A batch of uploads takes longer than {alarms.intake_duration_ms} ms on average.",
            _duration(names, "Average"),
            alarms.intake_duration_ms,
        ),
        Signal(
            "failed-intake",
            "Uploads that were given up",
            "A queue holds uploads that intake could not deal with, however often it tried.",
            waiting(names.failed_intake_queue),
            0,
        ),
        Signal(
            "intake-age",
            "Age of the oldest upload (s)",
            f"An upload has waited for intake for {alarms.intake_wait_seconds} s.",
            waiting(names.intake_queue, "ApproximateAgeOfOldestMessage"),
            alarms.intake_wait_seconds,
        ),
        Signal(
            "quarantine-share",
            "Share of files in quarantine",
            f"Intake refused more than {alarms.quarantine_share:.0%} of the files in five minutes.",
            _quarantine_share(),
            alarms.quarantine_share,
        ),
        Signal(
            "detection-failures",
            "Failed detections",
            "The detection machine ended without success; people were told of the image.",
            _machine_failures(settings, account),
            0,
        ),
        Signal(
            "images-given-up",
            "Images that were given up",
            f"The detector was started {settings.detector.retry_attempts} times for an image, and"
            " nobody has looked at it.",
            _counted("ImagesGivenUp", SERVICE),
            0,
        ),
        Signal(
            "image-retrier-errors",
            "Failed looks for images left behind",
            "The function that has images looked at once more has failed.",
            function_errors(names.function(RETRIER)),
            0,
        ),
        Signal(
            "images-api-errors",
            "Share of images API requests that fail",
            f"More than {alarms.error_share:.1%} of the images API's requests end with a 5XX.",
            api_errors(names.images_api),
            alarms.error_share,
            periods=2,
        ),
    ]


def graphs(settings: Settings) -> list[IWidget]:
    """Return what the dashboard shows of intake beside its signals."""
    names = Names.of(settings)
    received = ("ImagesAccepted", "ImagesRefused", "ImagesVanished")
    return [
        _graph("Files", [_counted(name, SERVICE) for name in received]),
        _graph(
            "Refused files by reason",
            [_counted("ImagesRefused", SERVICE, reason=reason) for reason in RefusalReason],
        ),
        _graph("Uploads that wait", [waiting(names.intake_queue)]),
        _graph("Intake of a batch (ms)", [_duration(names, each) for each in ("Average", "p99")]),
        _graph("Images by animal", [_animal(each) for each in ("cat", "dog", "other")]),
        _graph(
            "Images left behind",
            [_counted(name, SERVICE) for name in ("ImagesTriedAgain", "ImagesGivenUp")],
        ),
        _graph("Uncertain images", [_counted("ImagesUncertain", DETECTOR)]),
    ]


def _graph(title: str, metrics: list[IMetric]) -> GraphWidget:
    return GraphWidget(title=title, left=metrics, width=8)


def _counted(name: str, service: str, **more: str) -> Metric:
    return Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=name,
        dimensions_map={"service": service, **more},
        statistic="Sum",
        period=PERIOD,
        label=next(iter(more.values()), name),
    )


def _animal(animal: str) -> Metric:
    return _counted("ImagesOrganised", DETECTOR, animal=animal)


def _duration(names: Names, statistic: str) -> Metric:
    return Metric(
        namespace="AWS/Lambda",
        metric_name="Duration",
        dimensions_map={"FunctionName": names.function(RECEIVER)},
        statistic=statistic,
        period=PERIOD,
    )


def _failures(function: str) -> MathExpression:
    """Return crashes and timeouts together with the messages that were handed back."""
    return _sum("failures", crashed=function_errors(function), failed=_counted("Failures", SERVICE))


def _machine_failures(settings: Settings, account: str) -> MathExpression:
    names = Names.of_detector(settings)
    machine = names.state_machine_arn(names.detection_machine, account)

    def ended(name: str) -> Metric:
        return Metric(
            namespace="AWS/States",
            metric_name=name,
            dimensions_map={"StateMachineArn": machine},
            statistic="Sum",
            period=PERIOD,
        )

    return _sum("failed", failed=ended("ExecutionsFailed"), late=ended("ExecutionsTimedOut"))


def _sum(label: str, **metrics: IMetric) -> MathExpression:
    return MathExpression(
        expression=" + ".join(f"FILL({name}, 0)" for name in metrics),
        label=label,
        period=PERIOD,
        using_metrics=metrics,
    )


def _quarantine_share() -> MathExpression:
    """Return refused files as a share of all, 0 where these are too few."""
    return MathExpression(
        expression=(
            f"IF(FILL(refused, 0) + FILL(accepted, 0) >= {FEWEST_FILES}, "
            "FILL(refused, 0) / MAX([FILL(refused, 0) + FILL(accepted, 0), 1]), 0)"
        ),
        label="refused share",
        period=PERIOD,
        using_metrics={
            "refused": _counted("ImagesRefused", SERVICE),
            "accepted": _counted("ImagesAccepted", SERVICE),
        },
    )
