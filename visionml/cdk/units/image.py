"""Container images, built from staged parts of the repository."""

from collections.abc import Sequence

from aws_cdk.aws_ecr_assets import DockerImageAsset, Platform
from aws_cdk.aws_iam import IGrantable
from constructs import Construct

from visionml.cdk.bundle import SEED, VISION, staged


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

    def grant_pull(self, grantee: IGrantable) -> None:
        """Let SageMaker pull the image with somebody's role."""
        self.asset.repository.grant_pull(grantee)

    def grant_inspect(self, grantee: IGrantable) -> None:
        """Let somebody register the image: SageMaker looks it up with the caller's permissions."""
        self.asset.repository.grant(grantee, "ecr:BatchGetImage", "ecr:DescribeImages")


def vision(scope: Construct) -> Image:
    """Return the image that prepares, trains, evaluates and serves.

    Each stack that uses it declares it: the assets are one, and no stack waits for the other.
    """
    return Image(scope, "VisionImage", name="vision", parts=VISION)


def seed(scope: Construct) -> Image:
    """Return the image an endpoint is created with; it holds no model."""
    return Image(scope, "SeedImage", name="seed", parts=SEED)
