"""The inference platform: the endpoint, the machine that deploys to it, the API in front."""

from constructs import Construct

from visionml.cdk.aspects import tags
from visionml.cdk.stacks.base import PlatformStack
from visionml.cdk.stacks.monitoring import MonitoringStack
from visionml.cdk.stacks.network import NetworkStack
from visionml.cdk.stacks.storage import StorageStack
from visionml.cdk.units import deployment_machine, inference_routes
from visionml.cdk.units.api import Api
from visionml.cdk.units.api_cache import CacheClearing
from visionml.cdk.units.api_functions import ApiFunctions
from visionml.cdk.units.approvals import Approvals
from visionml.cdk.units.challenger_scaling import ChallengerScaling
from visionml.cdk.units.firewall import Firewall
from visionml.cdk.units.handler import Handlers
from visionml.cdk.units.image import seed, vision
from visionml.cdk.units.log_group import log_group
from visionml.cdk.units.machine import Machine
from visionml.cdk.units.permissions import look_at_alarms
from visionml.cdk.units.sagemaker_role import SagemakerRole
from visionml.cdk.units.seed_endpoint import SeedEndpoint
from visionml.cdk.units.serving_functions import ServingFunctions
from visionml.cdk.units.variant_scaling import VariantScaling
from visionml.cdk.units.version_functions import VersionFunctions
from visionml.contracts.scaling import ScalingRules
from visionml.contracts.settings import Settings


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
        self.add_stack_dependency(
            monitoring, "API Gateway logs with the role that is declared there."
        )
        self.hosting_role = self._hosting_role()
        self.endpoint = self._endpoint()
        handlers = Handlers(
            self,
            "Handlers",
            settings=settings,
            names=self.names,
            logs_key=storage.keys.operations,
            placement=network.placement,
        )
        self._follow_load(handlers)
        self._deploy(handlers)
        self._answer(handlers)
        self.publish(
            {
                "ApiUrl": self.api.api.url,
                "ApiId": self.api.api.rest_api_id,
                "ApiKeyId": self.api.key.key_id,
                "EndpointName": self.names.endpoint,
                "DeploymentMachineArn": self.machine.machine.state_machine_arn,
            }
        )

    def _follow_load(self, handlers: Handlers) -> None:
        """Scale both variants; the challenger's target comes and goes with it."""
        rules = ScalingRules.of(self.settings.serving, policy_name=self.names.name("invocations"))
        self.scaling = VariantScaling(
            self, "Scaling", endpoint=self.endpoint, names=self.names, rules=rules
        )
        self.challenger = ChallengerScaling(self, "Challenger", handlers=handlers, rules=rules)

    def _deploy(self, handlers: Handlers) -> None:
        """Bring versions into production and back."""
        buckets, lineage = self._storage.buckets, self._storage.lineage
        self.functions = ServingFunctions(
            self, "Functions", handlers=handlers, buckets=buckets, lineage=lineage
        )
        self.approvals = Approvals(self, "Approvals", handlers=handlers, lineage=lineage)
        self.machine = self._machine()
        self.versions = VersionFunctions(
            self,
            "Versions",
            handlers=handlers,
            buckets=buckets,
            lineage=lineage,
            notifications=self._notifications,
        )

    def _answer(self, handlers: Handlers) -> None:
        """Answer requests: the API behind its firewall, its functions, its cache."""
        storage, serving = self._storage, self.settings.serving
        self.api_functions = ApiFunctions(
            self,
            "ApiFunctions",
            handlers=handlers,
            buckets=storage.buckets,
            streams=storage.streams,
            predictions=storage.predictions,
        )
        self.api = Api(
            self,
            "Inference",
            settings=self.settings,
            name=self.names.api,
            description="Predictions from images.",
            callers="For the callers of the inference API.",
            routes=inference_routes.routes(self.api_functions),
            headers=inference_routes.HEADERS,
            too_large=inference_routes.TOO_LARGE,
            logs_key=storage.keys.operations,
            cached=True,
        )
        Firewall(
            self,
            "Firewall",
            settings=serving.firewall,
            name=self.names.name("firewall"),
            stage=self.api.api.deployment_stage,
        )
        if serving.cache_seconds:
            CacheClearing(self, "CacheClearing", handlers=handlers, api=self.api.api)

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
        look_at_alarms(hosting.role)
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

    def _machine(self) -> Machine:
        key, functions = self._storage.keys.models, self.functions
        probing = self.settings.serving.rollout.probes > 0
        parts = deployment_machine.DeploymentParts(
            planner_arn=functions.planner.function.function_arn,
            checker_arn=functions.checker.function.function_arn,
            approval_arn=self.approvals.requester.function.function_arn,
            recorder_arn=functions.recorder.function.function_arn,
            topic_arn=self._notifications.topic.topic_arn,
            hosting_role_arn=self.hosting_role.role.role_arn,
            volume_key=key.key_arn,
            tags=tags(self.settings),
            vpc_config=self._placement.vpc_config if self._placement else None,
            prober_arn=functions.prober.function.function_arn if probing else None,
        )
        machine = Machine(
            self,
            "Deployment",
            name=self.names.deployment_machine,
            definition=deployment_machine.definition(parts, serving=self.settings.serving),
            handlers=[
                functions.planner,
                functions.checker,
                self.approvals.requester,
                functions.prober,
                functions.recorder,
            ],
            notifications=self._notifications,
            settings=self.settings,
            logs_key=self._storage.keys.operations,
        )
        machine.let_publish()
        machine.let_deploy(self.names, hosting_role=self.hosting_role.role, volume_key=key)
        return machine
