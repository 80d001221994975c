"""The functions that the deployment machine calls, each with what it may do."""

from constructs import Construct

from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.deployment_machine import longest_seconds
from visionml.cdk.units.handler import Handler, Handlers
from visionml.cdk.units.lineage import Lineage
from visionml.cdk.units.permissions import (
    activate_versions,
    look_at_alarms,
    look_up_what_serves,
    publish_metrics,
    read_champion,
    read_versions,
    use_endpoint,
    watch_executions,
)
from visionml.cdk.units.staging_steps import CHECK_SECONDS
from visionml.contracts.environment import (
    DeploymentPlannerEnvironment,
    DeploymentProberEnvironment,
    DeploymentRecorderEnvironment,
    StagingCheckerEnvironment,
)
from visionml.contracts.names import METRIC_NAMESPACE

_PROMOTION = "promotion"


class ServingFunctions(Construct):
    """Planner, prober and recorder of deployments."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        buckets: Buckets,
        lineage: Lineage,
    ) -> None:
        super().__init__(scope, id)
        self._handlers, self._lineage = handlers, lineage
        self.planner = self._planner(buckets)
        self.checker = self._checker(buckets)
        self.prober = self._prober(buckets)
        self.recorder = self._recorder()

    def _planner(self, buckets: Buckets) -> Handler:
        names, serving = self._handlers.names, self._handlers.settings.serving
        planner = self._handlers.add(
            "deployment_planner",
            DeploymentPlannerEnvironment(
                powertools_service_name=_PROMOTION,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                resource_prefix=names.prefix,
                environment=names.environment,
                lineage_table=names.lineage_table,
                endpoint_name=names.endpoint,
                staging_endpoint=names.staging_endpoint,
                instance_type=serving.instance_type,
                instance_count=serving.initial_instances,
                traffic_model_a=serving.traffic_model_a,
                rollout=serving.rollout.model_dump_json(),
                rollback_alarms=",".join(names.rollback_alarms()),
                claim_seconds=longest_seconds(serving),
            ),
        )
        self._lineage.let_record(planner.role)
        self._lineage.let_read(planner.role)
        buckets.let_read(planner.role, "models", prefix="runs/")
        read_versions(planner.role, names)
        look_up_what_serves(planner.role, names)
        look_at_alarms(planner.role)
        watch_executions(planner.role, names.deployment_machine)
        return planner

    def _checker(self, buckets: Buckets) -> Handler:
        names, settings = self._handlers.names, self._handlers.settings
        checker = self._handlers.add(
            "staging_checker",
            StagingCheckerEnvironment(
                powertools_service_name=_PROMOTION,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                staging_endpoint=names.staging_endpoint,
                raw_bucket=buckets.name("raw"),
                datasets_bucket=buckets.name("datasets"),
                holdout_images=settings.serving.rollout.holdout_images,
                holdout_loss=settings.serving.rollout.holdout_loss,
                latency_limit_ms=settings.alarms.latency_p99_ms,
            ),
            seconds=CHECK_SECONDS,
            memory_mb=512,
        )
        buckets.let_read(checker.role, "raw", prefix="images/")
        buckets.let_read(checker.role, "datasets", prefix="manifests/")
        buckets.let_read(checker.role, "models", prefix="runs/")
        use_endpoint(checker.role, names, "InvokeEndpoint", staging=True)
        return checker

    def _prober(self, buckets: Buckets) -> Handler:
        names = self._handlers.names
        prober = self._handlers.add(
            "deployment_prober",
            DeploymentProberEnvironment(
                powertools_service_name=_PROMOTION,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                resource_prefix=names.prefix,
                endpoint_name=names.endpoint,
                raw_bucket=buckets.name("raw"),
                datasets_bucket=buckets.name("datasets"),
                probes=self._handlers.settings.serving.rollout.probes,
            ),
            memory_mb=512,
        )
        buckets.let_read(prober.role, "raw", prefix="images/")
        buckets.let_read(prober.role, "datasets", prefix="manifests/")
        read_champion(prober.role, names)
        use_endpoint(prober.role, names, "InvokeEndpoint")
        publish_metrics(prober.role, METRIC_NAMESPACE)
        return prober

    def _recorder(self) -> Handler:
        names = self._handlers.names
        recorder = self._handlers.add(
            "deployment_recorder",
            DeploymentRecorderEnvironment(
                powertools_service_name=_PROMOTION,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                lineage_table=names.lineage_table,
                resource_prefix=names.prefix,
                endpoint_name=names.endpoint,
            ),
        )
        activate_versions(recorder.role, names)
        use_endpoint(recorder.role, names, "DescribeEndpoint")
        self._lineage.let_record(recorder.role)
        return recorder
