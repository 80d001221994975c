"""What holds for every resource of every stack."""

from aws_cdk import Tags
from constructs import IConstruct

from visionml.contracts.settings import Settings


def tags(settings: Settings) -> dict[str, str]:
    """Return the tags of everything that an environment owns."""
    return {
        "Environment": settings.environment,
        "Owner": settings.owner,
        "Project": settings.project,
        "CostCenter": settings.cost_center,
    }


def tag(scope: IConstruct, settings: Settings) -> None:
    """Tag everything below a construct."""
    for key, value in tags(settings).items():
        Tags.of(scope).add(key, value)
