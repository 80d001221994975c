"""CloudFormation stacks as their users see them: outputs and state."""

from typing import TYPE_CHECKING

from visionml.aws.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


def outputs(cloudformation: "CloudFormationClient", stack: str) -> dict[str, str]:
    """Return a stack's outputs.

    Raises
    ------
    NotFound
        There is no such stack.
    """
    with translated(f"read the stack {stack}", hint="Deploy it first: `visionml deploy`."):
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def status(cloudformation: "CloudFormationClient", stack: str) -> str:
    """Return a stack's status, such as ``UPDATE_COMPLETE``."""
    with translated(f"read the stack {stack}", hint="Deploy it first: `visionml deploy`."):
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return str(found["StackStatus"])
