"""Everything that outlives a deployment: keys, buckets, tables and streams."""

from constructs import Construct

from visionml.cdk.stacks.base import PlatformStack
from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.keys import Keys
from visionml.cdk.units.lineage import Lineage
from visionml.cdk.units.predictions import Predictions
from visionml.cdk.units.streams import Streams
from visionml.contracts.settings import Settings


class StorageStack(PlatformStack):
    """The data; every other stack depends on this one."""

    def __init__(self, scope: Construct, *, settings: Settings) -> None:
        super().__init__(
            scope, "storage", settings=settings, description="Keys, buckets, tables and streams."
        )
        self.keys = Keys(self, "Keys", settings=settings, names=self.names)
        self.buckets = Buckets(self, "Buckets", settings=settings, names=self.names, keys=self.keys)
        self.lineage = Lineage(
            self, "Lineage", settings=settings, names=self.names, key=self.keys.records
        )
        self.predictions = Predictions(
            self, "Predictions", settings=settings, names=self.names, key=self.keys.records
        )
        self.streams = Streams(
            self, "Streams", settings=settings, names=self.names, key=self.keys.records
        )
        self.publish(
            {
                "RawBucketName": self.buckets.raw.bucket_name,
                "DatasetsBucketName": self.buckets.datasets.bucket_name,
                "ModelsBucketName": self.buckets.models.bucket_name,
                "ResultsBucketName": self.buckets.results.bucket_name,
                "LogsBucketName": self.buckets.logs.bucket_name,
                "LineageTableName": self.lineage.table.table_name,
                "PredictionsTableName": self.predictions.table.table_name,
                "RequestsStreamName": self.streams.requests.stream_name,
                "EventsStreamName": self.streams.events.stream_name,
            }
        )
