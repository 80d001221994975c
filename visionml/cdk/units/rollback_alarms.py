"""The alarms that take a rollout back: errors, latency and answers to known images.

SageMaker watches them while traffic shifts and while it bakes. Each looks at one period only, and
a variant without traffic, or that is not there, is no trouble. A fleet's figures are not told from
those of the other one: both serve the same endpoint and variant. That is why the latency is a
percentile: a tenth of the traffic being slow moves it as far as all of it.
"""

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import Metric

from visionml.cdk.units.signals import MICROSECONDS, Signal, endpoint_metric, error_share
from visionml.contracts.names import METRIC_NAMESPACE, VARIANT_A, VARIANT_B, Names
from visionml.contracts.probes import PROBE_ACCURACY
from visionml.contracts.settings import AlarmSettings, Settings


def rollback_signals(settings: Settings, names: Names) -> list[Signal]:
    """Return what `Names.rollback_alarms` names, in its order."""
    alarms = settings.alarms
    period = Duration.seconds(alarms.rollback_period_seconds)
    of_variants = [
        signal
        for letter, variant in (("a", VARIANT_A), ("b", VARIANT_B))
        for signal in _of_variant(letter, variant, names.endpoint, alarms, period)
    ]
    return [*of_variants, _probes(names.endpoint, alarms, period)]


def _of_variant(
    letter: str, variant: str, endpoint: str, alarms: AlarmSettings, period: Duration
) -> list[Signal]:
    return [
        Signal(
            f"rollback-errors-{letter}",
            f"Share of failed invocations, {variant}",
            f"A rollout is taken back: more than {alarms.error_share:.1%} of the invocations of "
            f"{variant} fail.",
            error_share(endpoint, variant, period=period),
            alarms.error_share,
        ),
        Signal(
            f"rollback-latency-{letter}",
            f"Model latency p99 (us), {variant}",
            f"A rollout is taken back: one answer in a hundred of {variant} takes longer than "
            f"{alarms.latency_p99_ms} ms.",
            endpoint_metric("ModelLatency", endpoint, variant, statistic="p99", period=period),
            alarms.latency_p99_ms * MICROSECONDS,
        ),
    ]


def _probes(endpoint: str, alarms: AlarmSettings, period: Duration) -> Signal:
    return Signal(
        "rollback-probes",
        "Accuracy on known images",
        "A rollout is taken back: the new version reads fewer than "
        f"{alarms.probe_accuracy:.0%} of the known images that it is asked for.",
        Metric(
            namespace=METRIC_NAMESPACE,
            metric_name=PROBE_ACCURACY,
            dimensions_map={"EndpointName": endpoint},
            statistic="Average",
            period=period,
        ),
        alarms.probe_accuracy,
        below=True,
    )
