"""Everything that outlives a deployment: keys, buckets, tables, streams, and roles' boundary."""

from constructs import Construct

from visionml.cdk.stacks.base import PlatformStack
from visionml.cdk.units.boundary import Boundary
from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.images_table import ImagesTable
from visionml.cdk.units.intake_queue import IntakeQueue
from visionml.cdk.units.keys import Keys
from visionml.cdk.units.lineage import Lineage
from visionml.cdk.units.predictions import Predictions
from visionml.cdk.units.pseudonyms import Pseudonyms
from visionml.cdk.units.streams import Streams
from visionml.contracts.settings import Settings


class StorageStack(PlatformStack):
    """The data; every other stack depends on this one."""

    def __init__(self, scope: Construct, *, settings: Settings) -> None:
        super().__init__(
            scope,
            "storage",
            settings=settings,
            description="Keys, buckets, tables, streams, queues.",
        )
        if settings.permissions_boundary is None:
            Boundary(self, "RoleBoundary", names=self.names)
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
        self.images_table = ImagesTable(
            self, "ImagesTable", settings=settings, names=self.names, key=self.keys.records
        )
        self.intake_queue = IntakeQueue(
            self, "Intake", settings=settings, names=self.names, key=self.keys.images
        )
        self.pseudonyms = Pseudonyms(
            self, "Pseudonyms", settings=settings, names=self.names, key=self.keys.records
        )
        self.publish(
            {
                "RawBucketName": self.buckets.raw.bucket_name,
                "DatasetsBucketName": self.buckets.datasets.bucket_name,
                "ModelsBucketName": self.buckets.models.bucket_name,
                "ResultsBucketName": self.buckets.results.bucket_name,
                "LogsBucketName": self.buckets.logs.bucket_name,
                "ImagesBucketName": self.buckets.images.bucket_name,
                "OriginalsBucketName": self.buckets.originals.bucket_name,
                "ImagesTableName": self.images_table.table.table_name,
                "IntakeQueueUrl": self.intake_queue.queue.queue_url,
                "FailedIntakeQueueUrl": self.intake_queue.failures.queue_url,
                "PseudonymSecretArn": self.pseudonyms.secret.secret_arn,
                "LineageTableName": self.lineage.table.table_name,
                "PredictionsTableName": self.predictions.table.table_name,
                "RequestsStreamName": self.streams.requests.stream_name,
                "EventsStreamName": self.streams.events.stream_name,
            }
        )
