"""The model registry's group of packages."""

from aws_cdk.aws_sagemaker import CfnModelPackageGroup
from constructs import Construct

from visionml.cdk.units.lifetime import removal_policy
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings


class PackageGroup(Construct):
    """Holds a package for each model that passed the gate; SageMaker deletes it only empty."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, names: Names) -> None:  # noqa: A002
        super().__init__(scope, id)
        self.group = CfnModelPackageGroup(
            self,
            "Group",
            model_package_group_name=names.model_package_group,
            model_package_group_description="Models that passed the evaluation gate.",
        )
        self.group.override_logical_id("ModelPackageGroup")
        self.group.apply_removal_policy(removal_policy(settings))
