"""The functions that the training machine calls, each with what it may do."""

from constructs import Construct

from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.handler import Handler, Handlers
from visionml.cdk.units.image import Image
from visionml.cdk.units.lineage import Lineage
from visionml.cdk.units.permissions import register_models
from visionml.contracts.environment import (
    GateEnvironment,
    RegistrarEnvironment,
    RunRecorderEnvironment,
)
from visionml.contracts.names import METRIC_NAMESPACE

_SERVICE = "training"


class TrainingFunctions(Construct):
    """Recorder, gate and registrar."""

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
        self.recorder = self._recorder()
        self.gate = self._gate()
        self.registrar = self._registrar(image)

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
        registrar = self._handlers.add(
            "model_registrar",
            RegistrarEnvironment(
                powertools_service_name=_SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                lineage_table=names.lineage_table,
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
