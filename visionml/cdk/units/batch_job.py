"""The job definition of batch runs: one part of a run in the vision image, and what it may do."""

from aws_cdk import Stack
from aws_cdk.aws_batch import CfnJobDefinition
from aws_cdk.aws_iam import Role, ServicePrincipal
from aws_cdk.aws_kms import IKey
from constructs import Construct

from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.image import Image
from visionml.cdk.units.log_group import log_group
from visionml.cdk.units.permissions import use_endpoint
from visionml.cdk.units.predictions import Predictions
from visionml.contracts.batch import EXIT_BUSY, EXIT_WRONG
from visionml.contracts.batch_machine import BATCH_RUNS, SOURCES
from visionml.contracts.environment import BatchJobEnvironment
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings
from visionml.contracts.tables import PREDICTIONS

_TASKS = "ecs-tasks.amazonaws.com"


class BatchJob(Construct):
    """``definition``, with the role of the job and that of who starts it."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        names: Names,
        buckets: Buckets,
        predictions: Predictions,
        image: Image,
        logs_key: IKey,
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._names, self._buckets = settings, names, buckets
        self.role = self._job_role(predictions)
        self.logs = log_group(
            self, "Logs", name=f"/aws/batch/{names.batch}", key=logs_key, settings=settings
        )
        self.starter = Role(
            self,
            "StarterRole",
            assumed_by=ServicePrincipal(_TASKS),
            description="What pulls the image and writes the logs of batch jobs.",
        )
        image.let_pull(self.starter)
        self.logs.grant_write(self.starter)
        batch = settings.batch
        self.definition = CfnJobDefinition(
            self,
            "Definition",
            job_definition_name=names.batch,
            type="container",
            platform_capabilities=["EC2"],
            container_properties=self._container(image),
            retry_strategy=CfnJobDefinition.RetryStrategyProperty(
                attempts=batch.attempts, evaluate_on_exit=retries()
            ),
            timeout=CfnJobDefinition.TimeoutProperty(
                attempt_duration_seconds=batch.timeout_seconds
            ),
            propagate_tags=True,
        )

    def _container(self, image: Image) -> CfnJobDefinition.ContainerPropertiesProperty:
        batch = self._settings.batch
        needs = {"VCPU": batch.job_vcpus, "MEMORY": batch.job_memory_mb}
        return CfnJobDefinition.ContainerPropertiesProperty(
            image=image.uri,
            command=["batch"],
            job_role_arn=self.role.role_arn,
            execution_role_arn=self.starter.role_arn,
            environment=[
                CfnJobDefinition.EnvironmentProperty(name=name, value=value)
                for name, value in self._variables().items()
            ],
            resource_requirements=[
                CfnJobDefinition.ResourceRequirementProperty(type=kind, value=str(value))
                for kind, value in needs.items()
            ],
            log_configuration=CfnJobDefinition.LogConfigurationProperty(
                log_driver="awslogs",
                options={
                    "awslogs-group": self.logs.log_group_name,
                    "awslogs-stream-prefix": "part",
                },
            ),
        )

    def _variables(self) -> dict[str, str]:
        settings, batch = self._settings, self._settings.batch
        record = BatchJobEnvironment(
            results_bucket=self._buckets.name("results"),
            endpoint_name=self._names.endpoint,
            predictions_table=self._names.predictions_table if batch.write_table else "",
            results_days=settings.retention.results_days,
            concurrency=batch.concurrency,
            images_per_invocation=batch.images_per_invocation,
            upload_limit_bytes=settings.images.upload_limit_bytes,
            patience_seconds=batch.patience_seconds,
            vcpus=batch.job_vcpus,
        )
        return {**record.variables(), "AWS_DEFAULT_REGION": Stack.of(self).region}

    def _job_role(self, predictions: Predictions) -> Role:
        role, buckets = self._role("Jobs"), self._buckets
        for bucket, prefixes in SOURCES.items():
            for prefix in prefixes:
                buckets.let_read(role, bucket, prefix=prefix)
        buckets.let_read(role, "models", prefix="runs/")
        for prefix in (BATCH_RUNS, PREDICTIONS.prefix):
            buckets.let_write(role, "results", prefix=prefix)
        buckets.let_delete(role, "results", prefix=PREDICTIONS.prefix)
        use_endpoint(role, self._names, "InvokeEndpoint")
        if self._settings.batch.write_table:
            predictions.let(role, "BatchWriteItem")
        return role

    def _role(self, id: str) -> Role:  # noqa: A002
        return Role(
            self,
            f"{id}Role",
            assumed_by=ServicePrincipal(_TASKS),
            description="What batch jobs act with.",
        )


def retries() -> list[CfnJobDefinition.EvaluateOnExitProperty]:
    """Return when a try that failed is followed by another one.

    What is wrong stays wrong. What was interrupted with its instance, gave up waiting or broke in
    a way that nobody knows is tried again; Batch does not try again what ran out of time.
    """
    condition = CfnJobDefinition.EvaluateOnExitProperty
    return [
        condition(action="EXIT", on_exit_code=str(EXIT_WRONG)),
        condition(action="RETRY", on_status_reason="Host EC2*"),
        condition(action="RETRY", on_exit_code=str(EXIT_BUSY)),
        condition(action="RETRY", on_reason="*"),
    ]
