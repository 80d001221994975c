"""The training platform: jobs, the machine that runs them, the registry."""

from constructs import Construct

from visionml.cdk.aspects import tags
from visionml.cdk.stacks.base import PlatformStack
from visionml.cdk.stacks.monitoring import MonitoringStack
from visionml.cdk.stacks.network import NetworkStack
from visionml.cdk.stacks.storage import StorageStack
from visionml.cdk.units import training_machine
from visionml.cdk.units.handler import Handlers
from visionml.cdk.units.image import vision
from visionml.cdk.units.machine import Machine
from visionml.cdk.units.package_group import PackageGroup
from visionml.cdk.units.sagemaker_role import SagemakerRole
from visionml.cdk.units.training_functions import TrainingFunctions
from visionml.cdk.units.training_jobs import JobArguments
from visionml.cdk.units.triggers import Triggers
from visionml.contracts.settings import Settings


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
        handlers = Handlers(
            self,
            "Handlers",
            settings=settings,
            names=self.names,
            logs_key=storage.keys.operations,
            placement=network.placement,
        )
        self.group = PackageGroup(self, "Registry", settings=settings, names=self.names)
        self.job_role = self._job_role()
        self.functions = TrainingFunctions(
            self,
            "Functions",
            handlers=handlers,
            buckets=storage.buckets,
            lineage=storage.lineage,
            image=self.image,
        )
        self.machine = self._machine()
        self.triggers = Triggers(self, "Triggers", handlers=handlers, buckets=storage.buckets)
        self.publish(
            {
                "TrainingMachineArn": self.machine.machine.state_machine_arn,
                "ModelPackageGroupName": self.names.model_package_group,
                "JobRoleArn": self.job_role.role.role_arn,
                "VisionImageUri": self.image.uri,
            }
        )

    def _job_role(self) -> SagemakerRole:
        buckets = self._storage.buckets
        jobs = SagemakerRole(
            self,
            "Jobs",
            description="What processing and training jobs act with.",
            image=self.image,
            log_groups=["/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs"],
            metric_namespace="/aws/sagemaker/*",
            in_network=self._placement is not None,
        )
        buckets.let_read(jobs.role, "raw", prefix="images/")
        buckets.let_read(jobs.role, "datasets", prefix="manifests/")
        buckets.let_write(jobs.role, "datasets", prefix="prepared/")
        buckets.let_write(jobs.role, "models", prefix="runs/")
        return jobs

    def _machine(self) -> Machine:
        buckets, keys = self._storage.buckets, self._storage.keys
        functions = self.functions
        jobs = JobArguments(
            image=self.image.uri,
            role_arn=self.job_role.role.role_arn,
            datasets_bucket=buckets.name("datasets"),
            models_bucket=buckets.name("models"),
            images_key=keys.images.key_arn,
            models_key=keys.models.key_arn,
            training=self.settings.training,
            tags=tags(self.settings),
            vpc_config=self._placement.vpc_config if self._placement else None,
        )
        parts = training_machine.TrainingParts(
            planner_arn=functions.planner.function.function_arn,
            preparer_arn=functions.preparer.function.function_arn,
            recorder_arn=functions.recorder.function.function_arn,
            chooser_arn=functions.chooser.function.function_arn,
            gate_arn=functions.gate.function.function_arn,
            registrar_arn=functions.registrar.function.function_arn,
            topic_arn=self._notifications.topic.topic_arn,
            jobs=jobs,
            preparers=self.settings.training.lambda_prepare_concurrency,
        )
        machine = Machine(
            self,
            "Training",
            name=self.names.training_machine,
            definition=training_machine.definition(parts, training=self.settings.training),
            handlers=functions.all,
            notifications=self._notifications,
            settings=self.settings,
            logs_key=keys.operations,
        )
        machine.let_run_jobs(job_role=self.job_role.role, volume_key=keys.models)
        machine.let_publish()
        return machine
