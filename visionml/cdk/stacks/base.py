"""What all stacks share: name, environment, protection."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, Environment, Fn, Stack
from constructs import Construct

from visionml.cdk.units.boundary import bound
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings


class PlatformStack(Stack):
    """A stack of one environment, named by `Names.stack`."""

    def __init__(
        self, scope: Construct, part: str, *, settings: Settings, description: str
    ) -> None:
        self.settings = settings
        self.names = Names.of(settings)
        super().__init__(
            scope,
            part.capitalize(),
            stack_name=self.names.stack(part),
            description=description,
            env=Environment(account=settings.account, region=settings.region),
            termination_protection=settings.retain_data,
        )
        bound(self, settings, self.names)

    @property
    def availability_zones(self) -> list[str]:
        """The region's first two zones, asked of CloudFormation: synthesis needs no account."""
        return [Fn.select(index, Fn.get_azs()) for index in range(2)]

    def publish(self, outputs: Mapping[str, str]) -> None:
        """Declare the stack's outputs."""
        for name, value in outputs.items():
            CfnOutput(self, f"{name}Output", value=value).override_logical_id(name)
