"""The functions that the batch machine calls, each with what it may do."""

from constructs import Construct

from visionml.cdk.units.batch_machine import PLAN_SECONDS, SUM_SECONDS
from visionml.cdk.units.batch_signals import SERVICE
from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.handler import Handler, Handlers, LambdaFunction
from visionml.cdk.units.permissions import read_champion, watch_executions
from visionml.contracts.batch_machine import BATCH_RUNS, SOURCES
from visionml.contracts.environment import BatchPlannerEnvironment, BatchSummariserEnvironment
from visionml.contracts.names import METRIC_NAMESPACE

_MEMORY_MB = 1024


class BatchFunctions(Construct):
    """Planner and summariser."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        buckets: Buckets,
    ) -> None:
        super().__init__(scope, id)
        self._handlers, self._buckets = handlers, buckets
        self.planner = self._planner()
        self.summariser = self._summariser()

    @property
    def all(self) -> list[LambdaFunction]:
        """All of them."""
        return [self.planner, self.summariser]

    def _planner(self) -> Handler:
        names, buckets = self._handlers.names, self._buckets
        planner = self._handlers.add(
            "batch_planner",
            BatchPlannerEnvironment(
                powertools_service_name=SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                results_bucket=buckets.name("results"),
                raw_bucket=buckets.name("raw"),
                images_bucket=buckets.name("images"),
                resource_prefix=names.prefix,
                batch=self._handlers.settings.batch.model_dump_json(),
            ),
            seconds=PLAN_SECONDS,
            memory_mb=_MEMORY_MB,
        )
        for bucket, prefixes in SOURCES.items():
            for prefix in prefixes:
                buckets.let_read(planner.role, bucket, prefix=prefix)
        buckets.let_write(planner.role, "results", prefix=BATCH_RUNS)
        buckets.let_delete(planner.role, "results", prefix=BATCH_RUNS)
        read_champion(planner.role, names)
        watch_executions(planner.role, names.batch)
        return planner

    def _summariser(self) -> Handler:
        summariser = self._handlers.add(
            "batch_summariser",
            BatchSummariserEnvironment(
                powertools_service_name=SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                results_bucket=self._buckets.name("results"),
            ),
            seconds=SUM_SECONDS,
            memory_mb=_MEMORY_MB,
        )
        self._buckets.let_write(summariser.role, "results", prefix=BATCH_RUNS)
        return summariser
