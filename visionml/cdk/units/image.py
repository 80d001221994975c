"""Container images, built from staged parts of the repository."""

from collections.abc import Sequence

from aws_cdk.aws_ecr_assets import DockerImageAsset, Platform
from aws_cdk.aws_iam import Role
from constructs import Construct

from visionml.cdk.bundle import SEED, VISION, staged
from visionml.cdk.units.permissions import allow


class Image(Construct):
    """An image for SageMaker: ``uri`` names it by the hash of what it is built from."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        name: str,
        parts: Sequence[str],
    ) -> None:
        super().__init__(scope, id)
        with staged(parts) as folder:
            self.asset = DockerImageAsset(
                self,
                "Asset",
                directory=folder,
                file=f"infra/images/{name}/Dockerfile",
                platform=Platform.LINUX_AMD64,
                asset_name=name,
            )
        self.uri = self.asset.image_uri

    def let_pull(self, role: Role) -> None:
        """Allow SageMaker to pull the image with a role."""
        layers = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage"]
        layers.append("ecr:GetDownloadUrlForLayer")
        allow(role, layers, [self.asset.repository.repository_arn])
        allow(
            role,
            ["ecr:GetAuthorizationToken"],
            ["*"],
            because="A token is for the whole registry: the action knows no resources.",
        )

    def let_register(self, role: Role) -> None:
        """Allow naming the image in a model package: SageMaker looks it up for the caller."""
        allow(
            role,
            ["ecr:BatchGetImage", "ecr:DescribeImages"],
            [self.asset.repository.repository_arn],
        )


def vision(scope: Construct) -> Image:
    """Return the image that prepares, trains, evaluates and serves.

    Each stack that uses it declares it: the assets are one, and no stack waits for the other.
    """
    return Image(scope, "VisionImage", name="vision", parts=VISION)


def seed(scope: Construct) -> Image:
    """Return the image an endpoint is created with; it holds no model."""
    return Image(scope, "SeedImage", name="seed", parts=SEED)
