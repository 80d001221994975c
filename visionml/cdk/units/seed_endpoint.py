"""The endpoint, as CloudFormation creates it: with a container that holds no model.

CloudFormation owns that the endpoint exists; the deployment machine owns what it serves. An update
of the stack must therefore never touch what the endpoint points at, so everything here is constant:
no setting and no code of the platform reaches it.
"""

from aws_cdk.aws_iam import Role
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_sagemaker import CfnEndpoint, CfnEndpointConfig, CfnModel
from constructs import Construct

from visionml.cdk.units.image import Image
from visionml.contracts.names import VARIANT_A, Names

_INSTANCE_TYPE = "ml.m5.large"


class SeedEndpoint(Construct):
    """Model, configuration and endpoint under names that follow from the environment alone."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        names: Names,
        image: Image,
        hosting_role: Role,
        volume_key: IKey,
    ) -> None:
        super().__init__(scope, id)
        seed = names.name("seed")
        model = CfnModel(
            self,
            "Model",
            model_name=seed,
            execution_role_arn=hosting_role.role_arn,
            primary_container=CfnModel.ContainerDefinitionProperty(image=image.uri),
            enable_network_isolation=True,
        )
        model.node.add_dependency(hosting_role)
        config = CfnEndpointConfig(
            self,
            "Config",
            endpoint_config_name=seed,
            kms_key_id=volume_key.key_arn,
            production_variants=[
                CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=VARIANT_A,
                    model_name=seed,
                    instance_type=_INSTANCE_TYPE,
                    initial_instance_count=1,
                    initial_variant_weight=1,
                )
            ],
        )
        config.add_resource_dependency(model)
        self.endpoint = CfnEndpoint(
            self, "Endpoint", endpoint_name=names.endpoint, endpoint_config_name=seed
        )
        self.endpoint.add_resource_dependency(config)
        model.override_logical_id("SeedModel")
        config.override_logical_id("SeedEndpointConfig")
        self.endpoint.override_logical_id("Endpoint")
