"""The Lambda function that looks at answers every hour; it runs in the image of the jobs."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from visionml.aws import endpoint, events, metrics
from visionml.aws.deliveries import delivered
from visionml.aws.parameters import Parameters
from visionml.aws.s3 import Objects, parse_uri
from visionml.aws.session import Aws
from visionml.contracts.environment import DriftWatcherEnvironment
from visionml.contracts.events import BASELINE_MISSING, DRIFT_DETECTED, MONITORING_SOURCE
from visionml.contracts.layout import run_of
from visionml.contracts.settings import DriftSettings
from visionml.contracts.watching import SERVICE, WatchOrder, WatchSummary
from visionml.monitoring.baselines import Baselines
from visionml.monitoring.delivered import Delivered
from visionml.monitoring.figures import drifts, missing, points
from visionml.monitoring.page import page
from visionml.monitoring.reports import Reports
from visionml.monitoring.watching import Look, Watch
from visionml.registry.versions import Versions

environment = DriftWatcherEnvironment.read()
settings = DriftSettings.model_validate_json(environment.drift)
logging.getLogger().setLevel(environment.log_level)
log = logging.getLogger(__name__)
aws = Aws()
objects = Objects(aws.s3)
versions = Versions(Parameters(aws.parameters), environment.resource_prefix)
watch = Watch(
    delivered=Delivered(
        environment.results_bucket,
        listing=lambda prefix, since: delivered(aws.s3, prefix, since=since),
        read=objects.read_bytes,
    ),
    reports=Reports(objects, environment.results_bucket),
    baselines=Baselines(objects, environment.models_bucket).find,
    settings=settings,
    page=page,
)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer the schedule's event, or a ``WatchOrder``, with a ``WatchSummary``."""
    order, now = order_of(event), datetime.now(UTC)
    looks = watch.look(_serving(), begin=order.begin, end=order.end, now=now)
    _publish(looks)
    for look in looks:
        log.info("%s", look.watched.model_dump_json())
    return WatchSummary(
        begin=order.begin, end=order.end, watched=tuple(look.watched for look in looks)
    ).model_dump(mode="json")


def order_of(event: dict[str, Any]) -> WatchOrder:
    """Return which answers to look at: those of the last hours whose events have come by now."""
    if "begin" in event:
        return WatchOrder.model_validate(event)
    asked = datetime.fromisoformat(event["time"]) if "time" in event else datetime.now(UTC)
    end = (asked - timedelta(seconds=environment.delay_seconds)).replace(second=0, microsecond=0)
    return WatchOrder(begin=end - timedelta(hours=settings.window_hours), end=end)


def _serving() -> dict[str, str]:
    """Return the versions that answer, by their variants."""
    state = endpoint.find(aws.sagemaker, environment.endpoint_name)
    if state is None:
        return {}
    answering = {variant.name for variant in state.variants}
    found = endpoint.artefacts(aws.sagemaker, state.config_name)
    runs = {
        name: run_of(parse_uri(address).key)
        for name, address in found.items()
        if name in answering and address
    }
    return {name: run for name, run in runs.items() if run}


def _publish(looks: list[Look]) -> None:
    for variant, figures in points(looks):
        dimensions = {"service": SERVICE} | ({"variant": variant} if variant else {})
        metrics.publish(
            aws.cloudwatch,
            environment.powertools_metrics_namespace,
            figures,
            dimensions=dimensions,
        )
    begun = {look.report.model_version for look in looks if look.begun}
    datasets = {version: versions.read(version).dataset for version in begun}
    for drift in drifts(looks, datasets=datasets):
        events.publish(aws.events, drift, source=MONITORING_SOURCE, kind=DRIFT_DETECTED)
    for each in missing(looks):
        events.publish(aws.events, each, source=MONITORING_SOURCE, kind=BASELINE_MISSING)
