"""The network that private environments run their jobs, endpoints and functions in."""

from constructs import Construct

from visionml.cdk.stacks.base import PlatformStack
from visionml.cdk.stacks.storage import StorageStack
from visionml.cdk.units.network import Network
from visionml.contracts.settings import Settings


class NetworkStack(PlatformStack):
    """Two zones; a private one is without a way to the internet."""

    def __init__(self, scope: Construct, *, settings: Settings, storage: StorageStack) -> None:
        super().__init__(
            scope, "network", settings=settings, description="Isolated network and its endpoints."
        )
        network = Network(
            self,
            "Network",
            settings=settings,
            names=self.names,
            logs_key=storage.keys.operations,
        )
        self.placement, self.batch = network.placement, network.batch
        self.publish({"VpcId": network.vpc.vpc_id})
