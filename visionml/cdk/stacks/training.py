"""The training platform: jobs, the machine that runs them, the registry."""

from aws_cdk.aws_sagemaker import CfnModelPackageGroup
from constructs import Construct

from visionml.cdk.aspects import tags
from visionml.cdk.stacks.base import PlatformStack
from visionml.cdk.stacks.monitoring import MonitoringStack
from visionml.cdk.stacks.network import NetworkStack
from visionml.cdk.stacks.storage import StorageStack
from visionml.cdk.units import permissions, training_machine
from visionml.cdk.units.handler import Handler, Handlers
from visionml.cdk.units.image import vision
from visionml.cdk.units.machine import Machine
from visionml.cdk.units.sagemaker_role import SagemakerRole
from visionml.cdk.units.training_jobs import JobArguments
from visionml.contracts.environment import (
    GateEnvironment,
    RegistrarEnvironment,
    RunRecorderEnvironment,
)
from visionml.contracts.names import METRIC_NAMESPACE
from visionml.contracts.settings import Settings

SERVICE = "training"


class TrainingStack(PlatformStack):
    """A dataset version becomes a registered model here."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        storage: StorageStack,
        network: NetworkStack,
        monitoring: MonitoringStack,
    ) -> None:
        super().__init__(
            scope, "training", settings=settings, description="Training machine and registry."
        )
        self._storage = storage
        self._placement = network.placement
        self._notifications = monitoring.notifications
        self.image = vision(self)
        self.group = self._package_group()
        self.job_role = self._job_role()
        self.handlers = Handlers(
            self,
            "Handlers",
            settings=settings,
            names=self.names,
            logs_key=storage.keys.operations,
            placement=network.placement,
        )
        self.recorder = self._recorder()
        self.gate = self._gate()
        self.registrar = self._registrar()
        self.machine = self._machine()
        self.publish(
            {
                "TrainingMachineArn": self.machine.machine.state_machine_arn,
                "ModelPackageGroupName": self.names.model_package_group,
                "JobRoleArn": self.job_role.role.role_arn,
                "VisionImageUri": self.image.uri,
            }
        )

    def _package_group(self) -> CfnModelPackageGroup:
        group = CfnModelPackageGroup(
            self,
            "Models",
            model_package_group_name=self.names.model_package_group,
            model_package_group_description="Models that passed the evaluation gate.",
        )
        group.override_logical_id("ModelPackageGroup")
        return group

    def _job_role(self) -> SagemakerRole:
        buckets = self._storage.buckets
        job = SagemakerRole(
            self,
            "Jobs",
            description="What processing and training jobs act with.",
            image=self.image,
            log_groups=["/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs"],
            metric_namespace="/aws/sagemaker/*",
            in_network=self._placement is not None,
        )
        buckets.let_read(job.role, "raw", prefix="images/")
        buckets.let_read(job.role, "datasets", prefix="manifests/")
        buckets.let_write(job.role, "datasets", prefix="prepared/")
        buckets.let_write(job.role, "models", prefix="runs/")
        return job

    def _recorder(self) -> Handler:
        recorder = self.handlers.add(
            "run_recorder",
            RunRecorderEnvironment(
                powertools_service_name=SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                lineage_table=self.names.lineage_table,
            ),
        )
        self._storage.lineage.let_record(recorder.role)
        return recorder

    def _gate(self) -> Handler:
        gate = self.handlers.add(
            "evaluation_gate",
            GateEnvironment(
                powertools_service_name=SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                models_bucket=self.names.bucket("models", self.account),
                minimum_accuracy=self.settings.training.minimum_accuracy,
            ),
        )
        self._storage.buckets.let_read(gate.role, "models", prefix="runs/")
        return gate

    def _registrar(self) -> Handler:
        registrar = self.handlers.add(
            "model_registrar",
            RegistrarEnvironment(
                powertools_service_name=SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                lineage_table=self.names.lineage_table,
                models_bucket=self.names.bucket("models", self.account),
                model_package_group=self.names.model_package_group,
                resource_prefix=self.names.prefix,
                serving_image=self.image.uri,
            ),
            seconds=60,
        )
        self._storage.buckets.let_read(registrar.role, "models", prefix="runs/")
        permissions.register_models(registrar.role, self.names)
        self.image.let_register(registrar.role)
        self._storage.lineage.let_record(registrar.role)
        return registrar

    def _machine(self) -> Machine:
        storage = self._storage
        jobs = JobArguments(
            image=self.image.uri,
            role_arn=self.job_role.role.role_arn,
            raw_bucket=self.names.bucket("raw", self.account),
            datasets_bucket=self.names.bucket("datasets", self.account),
            models_bucket=self.names.bucket("models", self.account),
            images_key=storage.keys.images.key_arn,
            models_key=storage.keys.models.key_arn,
            training=self.settings.training,
            tags=tags(self.settings),
            vpc_config=self._placement.vpc_config if self._placement else None,
        )
        parts = training_machine.TrainingParts(
            recorder_arn=self.recorder.function.function_arn,
            gate_arn=self.gate.function.function_arn,
            registrar_arn=self.registrar.function.function_arn,
            topic_arn=self._notifications.topic.topic_arn,
            jobs=jobs,
        )
        machine = Machine(
            self,
            "Training",
            name=self.names.training_machine,
            definition=training_machine.definition(parts, training=self.settings.training),
            functions=[item.function for item in (self.recorder, self.gate, self.registrar)],
            notifications=self._notifications,
            settings=self.settings,
            logs_key=storage.keys.operations,
        )
        machine.let_run_jobs(job_role=self.job_role.role, volume_key=storage.keys.models)
        return machine
