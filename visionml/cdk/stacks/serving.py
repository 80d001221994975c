"""The inference platform: the endpoint, the machine that deploys to it, the API in front."""

from constructs import Construct

from visionml.cdk.aspects import tags
from visionml.cdk.stacks.base import PlatformStack
from visionml.cdk.stacks.monitoring import MonitoringStack
from visionml.cdk.stacks.network import NetworkStack
from visionml.cdk.stacks.storage import StorageStack
from visionml.cdk.units import deployment_machine, permissions
from visionml.cdk.units.api import InferenceApi
from visionml.cdk.units.handler import Handler, Handlers
from visionml.cdk.units.image import seed, vision
from visionml.cdk.units.log_group import log_group
from visionml.cdk.units.machine import Machine
from visionml.cdk.units.sagemaker_role import SagemakerRole
from visionml.cdk.units.seed_endpoint import SeedEndpoint
from visionml.contracts.environment import (
    AdapterEnvironment,
    DeploymentPlannerEnvironment,
    DeploymentRecorderEnvironment,
)
from visionml.contracts.names import METRIC_NAMESPACE
from visionml.contracts.settings import Settings

PROMOTION = "promotion"
SERVING = "serving"


class ServingStack(PlatformStack):
    """A registered model answers requests here; nothing of it needs the training stack."""

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
            scope, "serving", settings=settings, description="Endpoint, deployment machine and API."
        )
        self._storage = storage
        self._placement = network.placement
        self._notifications = monitoring.notifications
        self.hosting_role = self._hosting_role()
        self.endpoint = self._endpoint()
        self.handlers = Handlers(
            self,
            "Handlers",
            settings=settings,
            names=self.names,
            logs_key=storage.keys.operations,
            placement=network.placement,
        )
        self.planner = self._planner()
        self.recorder = self._recorder()
        self.machine = self._machine()
        self.adapter = self._adapter()
        self.api = InferenceApi(
            self,
            "Inference",
            settings=settings,
            names=self.names,
            adapter=self.adapter.function,
            logs_key=storage.keys.operations,
        )
        self.publish(
            {
                "ApiUrl": self.api.api.url,
                "ApiId": self.api.api.rest_api_id,
                "ApiKeyId": self.api.key.key_id,
                "EndpointName": self.names.endpoint,
                "DeploymentMachineArn": self.machine.machine.state_machine_arn,
            }
        )

    def _hosting_role(self) -> SagemakerRole:
        hosting = SagemakerRole(
            self,
            "Hosting",
            description="What the endpoint's containers act with.",
            image=vision(self),
            log_groups=["/aws/sagemaker/Endpoints"],
            metric_namespace="/aws/sagemaker/*",
            in_network=self._placement is not None,
        )
        self._storage.buckets.let_read(hosting.role, "models", prefix="runs/")
        return hosting

    def _endpoint(self) -> SeedEndpoint:
        logs = log_group(
            self,
            "EndpointLogs",
            name=f"/aws/sagemaker/Endpoints/{self.names.endpoint}",
            key=self._storage.keys.operations,
            settings=self.settings,
        )
        endpoint = SeedEndpoint(
            self,
            "Seed",
            names=self.names,
            image=seed(self),
            hosting_role=self.hosting_role.role,
            volume_key=self._storage.keys.models,
        )
        endpoint.node.add_dependency(logs)
        return endpoint

    def _planner(self) -> Handler:
        planner = self.handlers.add(
            "deployment_planner",
            DeploymentPlannerEnvironment(
                powertools_service_name=PROMOTION,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                resource_prefix=self.names.prefix,
                environment=self.names.environment,
                endpoint_name=self.names.endpoint,
                instance_type=self.settings.serving.instance_type,
                instance_count=self.settings.serving.initial_instances,
            ),
        )
        self._storage.buckets.let_read(planner.role, "models", prefix="runs/")
        permissions.read_versions(planner.role, self.names)
        permissions.use_endpoint(planner.role, self.names, "DescribeEndpoint")
        return planner

    def _recorder(self) -> Handler:
        recorder = self.handlers.add(
            "deployment_recorder",
            DeploymentRecorderEnvironment(
                powertools_service_name=PROMOTION,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                lineage_table=self.names.lineage_table,
                resource_prefix=self.names.prefix,
                endpoint_name=self.names.endpoint,
            ),
        )
        permissions.activate_versions(recorder.role, self.names)
        permissions.use_endpoint(recorder.role, self.names, "DescribeEndpoint")
        self._storage.lineage.let_record(recorder.role)
        return recorder

    def _adapter(self) -> Handler:
        serving = self.settings.serving
        adapter = self.handlers.add(
            "inference_adapter",
            AdapterEnvironment(
                powertools_service_name=SERVING,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                endpoint_name=self.names.endpoint,
                upload_limit_bytes=self.settings.images.upload_limit_bytes,
            ),
            seconds=28,  # API Gateway waits 29
            memory_mb=512,
            reserved_concurrency=serving.reserved_concurrency,
        )
        permissions.use_endpoint(adapter.role, self.names, "InvokeEndpoint")
        return adapter

    def _machine(self) -> Machine:
        key = self._storage.keys.models
        parts = deployment_machine.DeploymentParts(
            planner_arn=self.planner.function.function_arn,
            recorder_arn=self.recorder.function.function_arn,
            topic_arn=self._notifications.topic.topic_arn,
            hosting_role_arn=self.hosting_role.role.role_arn,
            volume_key=key.key_arn,
            tags=tags(self.settings),
            vpc_config=self._placement.vpc_config if self._placement else None,
        )
        machine = Machine(
            self,
            "Deployment",
            name=self.names.deployment_machine,
            definition=deployment_machine.definition(parts, serving=self.settings.serving),
            functions=[self.planner.function, self.recorder.function],
            notifications=self._notifications,
            settings=self.settings,
            logs_key=self._storage.keys.operations,
        )
        machine.let_deploy(self.names, hosting_role=self.hosting_role.role, volume_key=key)
        return machine
