"""The functions that watch answers, each with what it may do and what calls it."""

from aws_cdk import Duration
from aws_cdk.aws_events import EventPattern, Schedule
from constructs import Construct

from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.drift_signals import MAKER, WATCHER
from visionml.cdk.units.handler import Handlers, ImageFunction
from visionml.cdk.units.image import Image
from visionml.cdk.units.permissions import (
    allow,
    arn,
    look_up_what_serves,
    publish_metrics,
    read_versions,
)
from visionml.cdk.units.rules import run_on
from visionml.contracts.environment import BaselineMakerEnvironment, DriftWatcherEnvironment
from visionml.contracts.events import (
    BASELINE_MISSING,
    DEPLOYMENT_ENDED,
    DEPLOYMENT_SOURCE,
    MONITORING_SOURCE,
)
from visionml.contracts.layout import MONITORING
from visionml.contracts.names import METRIC_NAMESPACE
from visionml.contracts.tables import DRIFT_REPORTS, GROUND_TRUTHS, INFERENCE_EVENTS
from visionml.contracts.watching import SERVICE

_SECONDS = 900
_MEMORY_MB = 3008
"""The most that a new account may ask for."""
_DELIVERY_SPARE_SECONDS = 120
"""Firehose takes a little longer than it gathers."""


class DriftFunctions(Construct):
    """``maker`` makes baselines once a rollout has ended; ``watcher`` looks at answers."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        buckets: Buckets,
        image: Image,
    ) -> None:
        super().__init__(scope, id)
        self._handlers, self._buckets = handlers, buckets
        self.maker = self._maker(image)
        self.watcher = self._watcher(image)
        self._call()

    def _maker(self, image: Image) -> ImageFunction:
        names, drift = self._handlers.names, self._handlers.settings.drift
        maker = self._handlers.add_image(
            MAKER,
            BaselineMakerEnvironment(
                powertools_service_name=SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                resource_prefix=names.prefix,
                datasets_bucket=self._buckets.name("datasets"),
                models_bucket=self._buckets.name("models"),
                baseline_images=drift.baseline_images,
                false_alarm_rate=drift.false_alarm_rate,
            ),
            image=image,
            handler=f"visionml.monitoring.{MAKER}.handler",
            seconds=_SECONDS,
            memory_mb=_MEMORY_MB,
        )
        read_versions(maker.role, names)
        self._buckets.let_read(maker.role, "datasets", prefix="prepared/")
        self._buckets.let_read(maker.role, "models", prefix="runs/")
        self._buckets.let_write(maker.role, "models", prefix=MONITORING)
        return maker

    def _watcher(self, image: Image) -> ImageFunction:
        names, settings = self._handlers.names, self._handlers.settings
        watcher = self._handlers.add_image(
            WATCHER,
            DriftWatcherEnvironment(
                powertools_service_name=SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                resource_prefix=names.prefix,
                endpoint_name=names.endpoint,
                models_bucket=self._buckets.name("models"),
                results_bucket=self._buckets.name("results"),
                delay_seconds=settings.analytics.buffer_seconds + _DELIVERY_SPARE_SECONDS,
                drift=settings.drift.model_dump_json(),
            ),
            image=image,
            handler=f"visionml.monitoring.{WATCHER}.handler",
            seconds=_SECONDS,
            memory_mb=_MEMORY_MB,
        )
        role = watcher.role
        read_versions(role, names)
        look_up_what_serves(role, names)
        self._buckets.let_read(role, "models", prefix=MONITORING)
        for table in (INFERENCE_EVENTS, GROUND_TRUTHS):
            self._buckets.let_read(role, "results", prefix=table.prefix)
        for prefix in (MONITORING, DRIFT_REPORTS.prefix):
            self._buckets.let_write(role, "results", prefix=prefix)
        publish_metrics(role, METRIC_NAMESPACE)
        allow(role, ["events:PutEvents"], [arn(role, "events", "event-bus/default")])
        return watcher

    def _call(self) -> None:
        names = self._handlers.names
        run_on(
            self,
            "DeploymentEnded",
            self.maker,
            name=names.name("baseline"),
            description="A rollout has ended well: what it brought is watched from now on.",
            event_pattern=EventPattern(
                source=[DEPLOYMENT_SOURCE],
                detail_type=[DEPLOYMENT_ENDED],
                detail={"outcome": ["promoted"]},
            ),
        )
        run_on(
            self,
            "BaselineMissing",
            self.maker,
            name=names.name("baseline-missing"),
            description="A version answers that there is nothing to compare with.",
            event_pattern=EventPattern(source=[MONITORING_SOURCE], detail_type=[BASELINE_MISSING]),
        )
        run_on(
            self,
            "Hourly",
            self.watcher,
            name=names.name("drift"),
            description="Looks for drift in the answers of the last hours.",
            schedule=Schedule.rate(Duration.hours(1)),
        )
