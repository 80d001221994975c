"""What keeps active-version true, and what cleans up after deployments; each with its events."""

from aws_cdk import Duration, Stack
from aws_cdk.aws_events import Schedule
from constructs import Construct

from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.handler import Handler, Handlers
from visionml.cdk.units.lineage import Lineage
from visionml.cdk.units.notifications import Notifications
from visionml.cdk.units.permissions import (
    allow,
    clean_up_deployments,
    correct_active_version,
    list_executions,
    look_up_what_serves,
    read_champion,
    watch_executions,
)
from visionml.cdk.units.rules import active_version_written, execution_ended, run_on
from visionml.contracts.environment import (
    DeploymentCleanerEnvironment,
    VersionWatcherEnvironment,
)
from visionml.contracts.names import METRIC_NAMESPACE

_SERVICE = "promotion"
_LOOK_EVERY_MINUTES = 15


class VersionFunctions(Construct):
    """The watcher of active-version and the cleaner of past deployments."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        buckets: Buckets,
        lineage: Lineage,
        notifications: Notifications,
    ) -> None:
        super().__init__(scope, id)
        self._handlers, self._buckets, self._lineage = handlers, buckets, lineage
        self._machine = handlers.names.state_machine_arn(
            handlers.names.deployment_machine, Stack.of(self).account
        )
        self.watcher = self._watcher(notifications)
        self.cleaner = self._cleaner()
        self._watch()
        run_on(
            self,
            "Daily",
            self.cleaner,
            name=handlers.names.name("deployment-cleaning"),
            description="Removes what past deployments left, once a day.",
            schedule=Schedule.rate(Duration.days(1)),
        )

    def _watcher(self, notifications: Notifications) -> Handler:
        names = self._handlers.names
        watcher = self._handlers.add(
            "active_version_watcher",
            VersionWatcherEnvironment(
                powertools_service_name=_SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                resource_prefix=names.prefix,
                environment=names.environment,
                endpoint_name=names.endpoint,
                lineage_table=names.lineage_table,
                deployment_machine_arn=self._machine,
                topic_arn=notifications.topic.topic_arn,
            ),
        )
        self._let_look(watcher)
        self._buckets.let_read(watcher.role, "models", prefix="runs/")
        correct_active_version(watcher.role, names)
        allow(watcher.role, ["states:StartExecution"], [self._machine])
        notifications.let_announce(watcher.role)
        return watcher

    def _cleaner(self) -> Handler:
        names, settings = self._handlers.names, self._handlers.settings
        cleaner = self._handlers.add(
            "deployment_cleaner",
            DeploymentCleanerEnvironment(
                powertools_service_name=_SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                resource_prefix=names.prefix,
                environment=names.environment,
                endpoint_name=names.endpoint,
                staging_endpoint=names.staging_endpoint,
                lineage_table=names.lineage_table,
                deployment_machine_arn=self._machine,
                models_days=settings.retention.models_days,
            ),
            seconds=300,
        )
        self._let_look(cleaner)
        self._buckets.let_delete(cleaner.role, "models", prefix="runs/*/output/")
        self._lineage.let_record(cleaner.role)
        clean_up_deployments(cleaner.role, names)
        return cleaner

    def _let_look(self, handler: Handler) -> None:
        names = self._handlers.names
        read_champion(handler.role, names)
        look_up_what_serves(handler.role, names)
        self._lineage.let_read(handler.role)
        list_executions(handler.role, self._machine)
        watch_executions(handler.role, names.deployment_machine)

    def _watch(self) -> None:
        names = self._handlers.names
        run_on(
            self,
            "VersionSet",
            self.watcher,
            name=names.name("active-version-set"),
            description="active-version was written, by whomever.",
            event_pattern=active_version_written(names, ("Create", "Update")),
        )
        run_on(
            self,
            "DeploymentEnded",
            self.watcher,
            name=names.name("deployment-ended"),
            description="A deployment has ended, however it did.",
            event_pattern=execution_ended(self._machine),
        )
        run_on(
            self,
            "Regularly",
            self.watcher,
            name=names.name("active-version-check"),
            description="Makes up for events of active-version that were lost.",
            schedule=Schedule.rate(Duration.minutes(_LOOK_EVERY_MINUTES)),
        )
