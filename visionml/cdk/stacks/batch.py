"""Batch inference: the images of a prefix become rows, on a schedule or when somebody asks."""

from aws_cdk import Duration
from aws_cdk.aws_events import Rule, Schedule
from aws_cdk.aws_events_targets import SfnStateMachine
from aws_cdk.aws_iam import Role, ServicePrincipal
from constructs import Construct

from visionml.cdk.aspects import tags
from visionml.cdk.stacks.base import PlatformStack
from visionml.cdk.stacks.monitoring import MonitoringStack
from visionml.cdk.stacks.network import NetworkStack
from visionml.cdk.stacks.storage import StorageStack
from visionml.cdk.units import batch_machine
from visionml.cdk.units.batch_compute import BatchCompute
from visionml.cdk.units.batch_functions import BatchFunctions
from visionml.cdk.units.batch_job import BatchJob
from visionml.cdk.units.batch_transform import Transform
from visionml.cdk.units.handler import Handlers
from visionml.cdk.units.image import vision
from visionml.cdk.units.machine import Machine
from visionml.cdk.units.permissions import allow
from visionml.cdk.units.sagemaker_role import SagemakerRole
from visionml.contracts.batch_machine import BATCH_RUNS, SOURCES
from visionml.contracts.settings import Settings


class BatchStack(PlatformStack):
    """The machine, its functions, and what its jobs run on."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        storage: StorageStack,
        network: NetworkStack,
        monitoring: MonitoringStack,
    ) -> None:
        super().__init__(scope, "batch", settings=settings, description="Batch inference.")
        self._storage, self._monitoring = storage, monitoring
        self._placement = network.placement
        handlers = Handlers(
            self,
            "Handlers",
            settings=settings,
            names=self.names,
            logs_key=storage.keys.operations,
            placement=network.placement,
        )
        self.image = image = vision(self)
        self.functions = BatchFunctions(
            self, "Functions", handlers=handlers, buckets=storage.buckets
        )
        self.compute = BatchCompute(
            self,
            "Compute",
            settings=settings,
            names=self.names,
            placement=network.batch,
            image=image,
        )
        self.job = BatchJob(
            self,
            "Job",
            settings=settings,
            names=self.names,
            buckets=storage.buckets,
            predictions=storage.predictions,
            image=image,
            logs_key=storage.keys.operations,
        )
        self.transform_role = self._transform_role()
        self.machine = self._machine()
        if settings.batch.schedule_hours:
            self._schedule(settings.batch.schedule_hours)
        self.publish(
            {
                "BatchMachineArn": self.machine.machine.state_machine_arn,
                "BatchQueueArn": self.compute.queue.attr_job_queue_arn,
                "BatchJobDefinitionArn": self.job.definition.ref,
            }
        )

    def _machine(self) -> Machine:
        functions, storage = self.functions, self._storage
        parts = batch_machine.BatchParts(
            planner_arn=functions.planner.function.function_arn,
            summariser_arn=functions.summariser.function.function_arn,
            topic_arn=self._monitoring.notifications.topic.topic_arn,
            queue_arn=self.compute.queue.attr_job_queue_arn,
            definition_arn=self.job.definition.ref,
            results_bucket=storage.buckets.name("results"),
            transform=self._transform(),
        )
        machine = Machine(
            self,
            "Batch",
            name=self.names.batch,
            definition=batch_machine.definition(parts),
            handlers=functions.all,
            notifications=self._monitoring.notifications,
            settings=self.settings,
            logs_key=storage.keys.operations,
        )
        machine.let_submit(self.names, queue_arn=self.compute.queue.attr_job_queue_arn)
        machine.let_transform(given=self.transform_role.role, volume_key=storage.keys.models)
        machine.let_map(self.names)
        storage.buckets.let_read(machine.role, "results", prefix=BATCH_RUNS)
        machine.let_publish()
        return machine

    def _transform(self) -> Transform:
        buckets, keys = self._storage.buckets, self._storage.keys
        return Transform(
            image=self.image.uri,
            role_arn=self.transform_role.role.role_arn,
            sources=tuple(
                f"{buckets.name(bucket)}/{prefix}"
                for bucket, prefixes in SOURCES.items()
                for prefix in prefixes
            ),
            results_key=keys.records.key_arn,
            volume_key=keys.models.key_arn,
            settings=self.settings.batch,
            tags=tags(self.settings),
            vpc_config=self._placement.vpc_config if self._placement else None,
        )

    def _transform_role(self) -> SagemakerRole:
        buckets = self._storage.buckets
        jobs = SagemakerRole(
            self,
            "Transform",
            description="What transform jobs of batch runs act with.",
            image=self.image,
            log_groups=["/aws/sagemaker/TransformJobs"],
            metric_namespace="/aws/sagemaker/*",
            in_network=self._placement is not None,
        )
        for bucket, prefixes in SOURCES.items():
            for prefix in prefixes:
                buckets.let_read(jobs.role, bucket, prefix=prefix)
        buckets.let_read(jobs.role, "models", prefix="runs/")
        buckets.let_write(jobs.role, "results", prefix=BATCH_RUNS)
        return jobs

    def _schedule(self, hours: int) -> None:
        """Run the images of the day before, however often."""
        role = Role(
            self,
            "ScheduleRole",
            assumed_by=ServicePrincipal("events.amazonaws.com"),
            description="Starts batch runs on a schedule.",
        )
        allow(role, ["states:StartExecution"], [self.machine.machine.state_machine_arn])
        self.rule = Rule(
            self,
            "Schedule",
            rule_name=self.names.name("batch-schedule"),
            description=f"Predicts the images of the day before, every {hours} hours.",
            schedule=Schedule.rate(Duration.hours(hours)),
            targets=[SfnStateMachine(self.machine.machine, role=role)],
        )
