"""Drift: what a version is watched against, and the hourly look at what it answers."""

from constructs import Construct

from visionml.cdk.stacks.base import PlatformStack
from visionml.cdk.stacks.network import NetworkStack
from visionml.cdk.stacks.storage import StorageStack
from visionml.cdk.units.drift_functions import DriftFunctions
from visionml.cdk.units.handler import Handlers
from visionml.cdk.units.image import vision
from visionml.contracts.settings import Settings


class DriftStack(PlatformStack):
    """Two functions and what calls them; their alarms stand in the stack of alarms."""

    def __init__(
        self, scope: Construct, *, settings: Settings, storage: StorageStack, network: NetworkStack
    ) -> None:
        super().__init__(
            scope, "drift", settings=settings, description="Baselines and drift of answers."
        )
        handlers = Handlers(
            self,
            "Handlers",
            settings=settings,
            names=self.names,
            logs_key=storage.keys.operations,
            placement=network.placement,
        )
        self.functions = DriftFunctions(
            self, "Functions", handlers=handlers, buckets=storage.buckets, image=vision(self)
        )
        self.publish(
            {
                "DriftWatcherArn": self.functions.watcher.function.function_arn,
                "BaselineMakerArn": self.functions.maker.function.function_arn,
            }
        )
