"""The figures of drift and accuracy that are watched."""

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import GraphWidget, HorizontalAnnotation, IWidget, Metric

from visionml.cdk.units.signals import Signal, function_errors
from visionml.contracts import watching
from visionml.contracts.names import METRIC_NAMESPACE, VARIANT_A, VARIANT_B, Names
from visionml.contracts.settings import Settings

WATCHER, MAKER = "drift_watcher", "baseline_maker"
"""The functions' modules."""
_HOUR = Duration.hours(1)


def signals(settings: Settings, names: Names) -> list[Signal]:
    """Return the signals of the functions that watch answers, and of what they find."""
    drift, alarms = settings.drift, settings.alarms
    return [
        Signal(
            "drift",
            "Drift that stays",
            f"At least {drift.alarm_reports} of the last {drift.of_reports} reports on answers"
            " found drift; the reports say what moved.",
            _figure(watching.ALARM),
            0,
        ),
        Signal(
            "drift-no-baseline",
            "Answers that are compared with nothing",
            "A version answers that has no baseline, and none has been made for an hour.",
            _figure(watching.NO_BASELINE),
            0,
            periods=2,
        ),
        Signal(
            "drift-heartbeat",
            "Looks at the answers",
            "Nobody has looked at the answers for three hours.",
            _figure(watching.RUNS, "Sum"),
            1,
            periods=3,
            below=True,
            silent=False,
        ),
        Signal(
            "drift-unreadable",
            "Events of answers that could not be read",
            "Events are of another schema than the one that is known, or no numbers at all.",
            _figure(watching.UNREADABLE, "Sum"),
            0,
        ),
        Signal(
            "drift-errors",
            "Errors of the function that looks at answers",
            "The function that looks for drift raised an error, crashed or timed out.",
            function_errors(names.function(WATCHER)),
            0,
        ),
        Signal(
            "baseline-errors",
            "Errors of the function that makes baselines",
            "What a version is watched against could not be made.",
            function_errors(names.function(MAKER)),
            0,
        ),
        Signal(
            "model-accuracy",
            "Accuracy by truths that were told",
            f"Of the answers whose truth is known, fewer than {alarms.accuracy:.0%} are right.",
            _figure(watching.ACCURACY, "Minimum"),
            alarms.accuracy,
            below=True,
        ),
    ]


def graphs(settings: Settings) -> list[IWidget]:
    """Return what each variant's answers are like."""
    promised, real = watching.ESTIMATE, watching.ACCURACY
    return [
        GraphWidget(
            title="Drift score by its threshold",
            left=_of_variants(watching.SCORE),
            left_annotations=[HorizontalAnnotation(value=1, label="drift")],
            width=8,
        ),
        GraphWidget(
            title="Accuracy, and what confidence promises",
            left=[*_of_variants(real), *_of_variants(promised)],
            left_annotations=[HorizontalAnnotation(value=settings.alarms.accuracy, label="alarm")],
            width=8,
        ),
        GraphWidget(title="Answers looked at", left=_of_variants(watching.SAMPLES), width=8),
    ]


def _of_variants(metric: str) -> list[Metric]:
    return [
        Metric(
            namespace=METRIC_NAMESPACE,
            metric_name=metric,
            dimensions_map={"service": watching.SERVICE, "variant": variant},
            statistic="Maximum",
            period=_HOUR,
        )
        for variant in (VARIANT_A, VARIANT_B)
    ]


def _figure(metric: str, statistic: str = "Maximum") -> Metric:
    return Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=metric,
        dimensions_map={"service": watching.SERVICE},
        statistic=statistic,
        period=_HOUR,
    )
