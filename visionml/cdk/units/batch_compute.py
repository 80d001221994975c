"""The machines of AWS Batch: spot instances first, others where there are none, and their queue."""

from aws_cdk.aws_batch import CfnComputeEnvironment, CfnJobQueue
from aws_cdk.aws_ec2 import CfnLaunchTemplate
from aws_cdk.aws_iam import CfnInstanceProfile, Role, ServicePrincipal
from constructs import Construct

from visionml.cdk.aspects import tags
from visionml.cdk.units.image import Image
from visionml.cdk.units.network import Placement
from visionml.cdk.units.permissions import allow, arn
from visionml.contracts.names import Names
from visionml.contracts.settings import BatchSettings, Settings

_AGENT_ACTIONS = (
    "ecs:DiscoverPollEndpoint",
    "ecs:RegisterContainerInstance",
    "ecs:StartTelemetrySession",
)
_CLUSTER_ACTIONS = (
    "ecs:DeregisterContainerInstance",
    "ecs:Poll",
    "ecs:SubmitAttachmentStateChanges",
    "ecs:SubmitContainerStateChange",
    "ecs:SubmitTaskStateChange",
    "ecs:UpdateContainerInstancesState",
)
_SPOT, _ON_DEMAND = "SPOT", "EC2"
_STRATEGIES = {_SPOT: "SPOT_PRICE_CAPACITY_OPTIMIZED", _ON_DEMAND: "BEST_FIT_PROGRESSIVE"}
_DISK_GB = 50


class BatchCompute(Construct):
    """``queue`` with the environments in the order in which they are asked.

    Instances are there while there are jobs only.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        names: Names,
        placement: Placement,
        image: Image,
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._names, self._placement = settings, names, placement
        self._profile = self._instance_profile(image)
        self._template = self._launch_template()
        kinds = (_SPOT, _ON_DEMAND) if settings.batch.spot else (_ON_DEMAND,)
        self.environments = [self._environment(kind) for kind in kinds]
        self.queue = CfnJobQueue(
            self,
            "Queue",
            job_queue_name=names.batch,
            priority=1,
            compute_environment_order=[
                CfnJobQueue.ComputeEnvironmentOrderProperty(
                    order=order, compute_environment=each.attr_compute_environment_arn
                )
                for order, each in enumerate(self.environments, start=1)
            ],
        )

    def _environment(self, kind: str) -> CfnComputeEnvironment:
        batch, word = self._settings.batch, "spot" if kind == _SPOT else "on-demand"
        return CfnComputeEnvironment(
            self,
            "Spot" if kind == _SPOT else "OnDemand",
            compute_environment_name=self._names.name(f"batch-{word}"),
            type="MANAGED",
            replace_compute_environment=False,
            compute_resources=self._resources(kind, batch),
            update_policy=CfnComputeEnvironment.UpdatePolicyProperty(
                terminate_jobs_on_update=False, job_execution_timeout_minutes=60
            ),
        )

    def _resources(
        self, kind: str, batch: BatchSettings
    ) -> CfnComputeEnvironment.ComputeResourcesProperty:
        return CfnComputeEnvironment.ComputeResourcesProperty(
            type=kind,
            allocation_strategy=_STRATEGIES[kind],
            minv_cpus=0,
            maxv_cpus=batch.maximum_vcpus,
            instance_types=list(batch.instance_types),
            instance_role=self._profile.attr_arn,
            subnets=self._placement.subnet_ids,
            security_group_ids=[self._placement.security_group.security_group_id],
            launch_template=CfnComputeEnvironment.LaunchTemplateSpecificationProperty(
                launch_template_id=self._template.ref,
                version=self._template.attr_latest_version_number,
            ),
            ec2_configuration=[
                CfnComputeEnvironment.Ec2ConfigurationObjectProperty(image_type="ECS_AL2023")
            ],
            update_to_latest_image_version=True,
            tags=tags(self._settings),
        )

    def _launch_template(self) -> CfnLaunchTemplate:
        """Return what instances are like: encrypted, and their credentials out of jobs' reach."""
        return CfnLaunchTemplate(
            self,
            "Instances",
            launch_template_name=self._names.batch,
            launch_template_data=CfnLaunchTemplate.LaunchTemplateDataProperty(
                metadata_options=CfnLaunchTemplate.MetadataOptionsProperty(
                    http_tokens="required", http_put_response_hop_limit=1
                ),
                block_device_mappings=[
                    CfnLaunchTemplate.BlockDeviceMappingProperty(
                        device_name="/dev/xvda",
                        ebs=CfnLaunchTemplate.EbsProperty(
                            encrypted=True,
                            volume_size=_DISK_GB,
                            volume_type="gp3",
                            delete_on_termination=True,
                        ),
                    )
                ],
            ),
        )

    def _instance_profile(self, image: Image) -> CfnInstanceProfile:
        """Return what instances act with: they take tasks and pull the image."""
        role = Role(
            self,
            "InstanceRole",
            assumed_by=ServicePrincipal("ec2.amazonaws.com"),
            description="What the instances of batch jobs act with.",
        )
        reason = "Batch makes the clusters, and names them."
        allow(role, _AGENT_ACTIONS, ["*"], because=f"{reason} These actions know no resources.")
        clusters = [arn(role, "ecs", f"{kind}/*") for kind in ("cluster", "container-instance")]
        allow(role, _CLUSTER_ACTIONS, clusters, because=reason)
        image.let_pull(role)
        # Docker writes the logs of containers, with the instance's rights or with the starter's
        group = arn(role, "logs", f"log-group:/aws/batch/{self._names.batch}:*")
        streams = "Streams are named by their tasks."
        allow(role, ["logs:CreateLogStream", "logs:PutLogEvents"], [group], because=streams)
        return CfnInstanceProfile(self, "InstanceProfile", roles=[role.role_name])
