"""The functions that the training machine calls, each with what it may do."""

from constructs import Construct

from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.handler import Handler, Handlers, ImageFunction, LambdaFunction
from visionml.cdk.units.image import Image
from visionml.cdk.units.lineage import Lineage
from visionml.cdk.units.permissions import (
    look_up_jobs,
    read_champion,
    register_models,
    watch_executions,
)
from visionml.contracts.environment import (
    CandidateChooserEnvironment,
    GateEnvironment,
    RegistrarEnvironment,
    RunPlannerEnvironment,
    RunRecorderEnvironment,
    ShardPreparerEnvironment,
)
from visionml.contracts.names import METRIC_NAMESPACE
from visionml.contracts.preparation import SHARD_SECONDS

_SERVICE = "training"
_SHARD_MEMORY_MB = 3008
"""The most that a new account may ask for; it comes with 1.7 processors."""
_MARGIN_DAYS = 7
"""Shards are used again until so long before their bucket forgets them."""


class TrainingFunctions(Construct):
    """Planner, preparer, recorder, chooser, gate and registrar."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        buckets: Buckets,
        lineage: Lineage,
        image: Image,
    ) -> None:
        super().__init__(scope, id)
        self._handlers, self._lineage = handlers, lineage
        self._buckets = buckets
        self.planner = self._planner(image)
        self.preparer = self._preparer(image)
        self.recorder = self._recorder()
        self.chooser = self._chooser()
        self.gate = self._gate()
        self.registrar = self._registrar(image)

    @property
    def all(self) -> list[LambdaFunction]:
        """All of them."""
        deciding: list[LambdaFunction] = [self.planner, self.chooser, self.gate]
        return [*deciding, self.preparer, self.recorder, self.registrar]

    def _planner(self, image: Image) -> Handler:
        settings, names = self._handlers.settings, self._handlers.names
        planner = self._handlers.add(
            "run_planner",
            RunPlannerEnvironment(
                powertools_service_name=_SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                lineage_table=names.lineage_table,
                datasets_bucket=self._buckets.name("datasets"),
                models_bucket=self._buckets.name("models"),
                vision_image=image.uri,
                reuse_days=max(0, settings.retention.images_days - _MARGIN_DAYS),
                tuning_seconds=settings.training.tuning_max_runtime_seconds,
                lambda_prepare_images=settings.training.lambda_prepare_images,
            ),
        )
        self._lineage.let_record(planner.role)
        self._buckets.let_read(planner.role, "datasets", prefix="manifests/")
        self._buckets.let_read(planner.role, "datasets", prefix="prepared/")
        self._buckets.let_read(planner.role, "models", prefix="runs/")
        look_up_jobs(
            planner.role,
            "DescribeProcessingJob",
            "DescribeTrainingJob",
            "DescribeHyperParameterTuningJob",
        )
        watch_executions(planner.role, names.training_machine)
        return planner

    def _preparer(self, image: Image) -> ImageFunction:
        preparer = self._handlers.add_image(
            "shard_preparer",
            ShardPreparerEnvironment(
                powertools_service_name=_SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                raw_bucket=self._buckets.name("raw"),
                datasets_bucket=self._buckets.name("datasets"),
            ),
            image=image,
            handler="visionml.dataset.shard_preparer.handler",
            seconds=SHARD_SECONDS,
            memory_mb=_SHARD_MEMORY_MB,
        )
        self._buckets.let_read(preparer.role, "raw", prefix="images/")
        self._buckets.let_read(preparer.role, "datasets", prefix="manifests/")
        self._buckets.let_write(preparer.role, "datasets", prefix="prepared/")
        return preparer

    def _chooser(self) -> Handler:
        names = self._handlers.names
        chooser = self._handlers.add(
            "candidate_chooser",
            CandidateChooserEnvironment(
                powertools_service_name=_SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                lineage_table=names.lineage_table,
                resource_prefix=names.prefix,
            ),
        )
        self._lineage.let_record(chooser.role)
        look_up_jobs(
            chooser.role, "DescribeTrainingJob", "ListTrainingJobsForHyperParameterTuningJob"
        )
        read_champion(chooser.role, names)
        return chooser

    def _recorder(self) -> Handler:
        recorder = self._handlers.add(
            "run_recorder",
            RunRecorderEnvironment(
                powertools_service_name=_SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                lineage_table=self._handlers.names.lineage_table,
            ),
        )
        self._lineage.let_record(recorder.role)
        return recorder

    def _gate(self) -> Handler:
        gate = self._handlers.add(
            "evaluation_gate",
            GateEnvironment(
                powertools_service_name=_SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                models_bucket=self._buckets.name("models"),
                **self._handlers.settings.training.gates.model_dump(),
            ),
        )
        self._buckets.let_read(gate.role, "models", prefix="runs/")
        return gate

    def _registrar(self, image: Image) -> Handler:
        names = self._handlers.names
        asked = self._handlers.settings.serving.rollout.approval == "manual"
        registrar = self._handlers.add(
            "model_registrar",
            RegistrarEnvironment(
                powertools_service_name=_SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                lineage_table=names.lineage_table,
                package_approval="PendingManualApproval" if asked else "Approved",
                models_bucket=self._buckets.name("models"),
                model_package_group=names.model_package_group,
                resource_prefix=names.prefix,
                serving_image=image.uri,
            ),
            seconds=60,
        )
        self._buckets.let_read(registrar.role, "models", prefix="runs/")
        register_models(registrar.role, names)
        image.let_register(registrar.role)
        self._lineage.let_record(registrar.role)
        return registrar
