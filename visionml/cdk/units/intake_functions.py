"""The functions that take images, look at them, and tell of them, each with what it may do."""

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk.aws_events import Schedule
from aws_cdk.aws_lambda import EventSourceMapping
from constructs import Construct

from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.handler import Handler, Handlers, ImageFunction
from visionml.cdk.units.image import Image
from visionml.cdk.units.images_table import ImagesTable
from visionml.cdk.units.intake_queue import IntakeQueue
from visionml.cdk.units.intake_signals import RECEIVER, RETRIER, SERVICE
from visionml.cdk.units.notifications import EncryptedTopic
from visionml.cdk.units.permissions import allow, arn, see_pictures
from visionml.cdk.units.pseudonyms import Pseudonyms
from visionml.cdk.units.rules import run_on
from visionml.contracts.environment import (
    ImageExporterEnvironment,
    ImageReaderEnvironment,
    ImageRetrierEnvironment,
    IntakeEnvironment,
    UploadReceiverEnvironment,
)
from visionml.contracts.intake import RegionKind
from visionml.contracts.layout import ACCEPTED, PREVIEWS, QUARANTINE, UPLOADS
from visionml.contracts.names import METRIC_NAMESPACE, Names
from visionml.contracts.tables import IMAGE_RECORDS

RETRY_SECONDS = 300
_LOOKING = {RegionKind.FACE: "DetectFaces", RegionKind.TEXT: "DetectText"}


class IntakeFunctions(Construct):
    """``receiver`` looks at every upload; ``uploads`` and ``reader`` stand behind the API.

    ``exporter`` tells queries of images, ``retrier`` looks for those that were left behind.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        buckets: Buckets,
        table: ImagesTable,
        queue: IntakeQueue,
        pseudonyms: Pseudonyms,
        image: Image,
        topic: EncryptedTopic,
    ) -> None:
        super().__init__(scope, id)
        self._handlers, self._settings = handlers, handlers.settings
        self._buckets, self._table, self._pseudonyms = buckets, table, pseudonyms
        self._names = handlers.names
        self._common: dict[str, Any] = {
            "powertools_metrics_namespace": METRIC_NAMESPACE,
            "images_bucket": buckets.name("images"),
            "pseudonym_secret": self._names.pseudonym_secret,
        }
        self._answering: dict[str, Any] = {
            **self._common,
            "powertools_service_name": "images-api",
            "allowed_origins": ",".join(self._settings.serving.allowed_origins),
        }
        self.receiver = self._receiver(image)
        self._feed(queue)
        self.uploads = self._uploads()
        self.reader = self._reader()
        self.exporter = self._exporter()
        self.retrier = self._retrier(topic)

    def _receiver(self, image: Image) -> ImageFunction:
        settings, names = self._settings, self._names
        detection = Names.of_detector(settings).detection_machine
        machine = names.state_machine_arn(detection, Stack.of(self).account)
        kept = settings.redaction.enabled and settings.redaction.keep_originals
        receiver = self._handlers.add_image(
            RECEIVER,
            IntakeEnvironment(
                **self._common,
                powertools_service_name=SERVICE,
                originals_bucket=self._buckets.name("originals") if kept else "",
                images_table=names.images_table,
                detection_machine_arn=machine,
                upload_limit_bytes=settings.images.upload_limit_bytes,
                pixel_limit=settings.images.pixel_limit,
                preview_sizes=",".join(map(str, settings.images.preview_sizes)),
                redaction=settings.redaction.model_dump_json(),
                records_days=settings.retention.records_days,
            ),
            image=image,
            handler="visionml.intake.receiver.handler",
            seconds=settings.intake.seconds,
            memory_mb=settings.intake.memory_mb,
            reserved_concurrency=settings.intake.reserved_concurrency,
            traced=settings.intake.tracing,
        )
        role = receiver.role
        self._buckets.let_take(role, "images", prefix=UPLOADS)
        for prefix in (ACCEPTED, PREVIEWS, QUARANTINE):
            self._buckets.let_add(role, "images", prefix=prefix)
            self._buckets.let_take_back(role, "images", prefix=prefix)
        if kept:
            self._buckets.let_add(role, "originals", prefix="")
            self._buckets.let_take_back(role, "originals", prefix="")
        if settings.redaction.enabled and settings.redaction.engine == "rekognition":
            see_pictures(role, *(_LOOKING[kind] for kind in sorted(settings.redaction.hide)))
        self._table.let(role, "PutItem", "Query")
        self._pseudonyms.let_read(role)
        allow(role, ["states:StartExecution"], [machine])
        return receiver

    def _feed(self, queue: IntakeQueue) -> None:
        """Hand the queue's messages to the receiver, some at a time."""
        queue.let_take(self.receiver.role)
        intake = self._settings.intake
        mapping = EventSourceMapping(
            self,
            "Uploads",
            target=self.receiver.function,
            event_source_arn=arn(self.receiver.role, "sqs", self._names.intake_queue),
            batch_size=intake.batch,
            max_concurrency=intake.maximum_concurrency,
            report_batch_item_failures=True,
        )
        mapping.node.add_dependency(self.receiver.role)

    def _uploads(self) -> Handler:
        uploads = self._handlers.add(
            "upload_receiver",
            UploadReceiverEnvironment(
                **self._answering,
                upload_limit_bytes=self._settings.images.upload_limit_bytes,
            ),
            seconds=28,  # API Gateway waits 29
            memory_mb=512,
        )
        # what a signed form allows is what its signer may do
        self._buckets.let_add(uploads.role, "images", prefix=UPLOADS)
        self._pseudonyms.let_read(uploads.role)
        return uploads

    def _reader(self) -> Handler:
        reader = self._handlers.add(
            "image_reader",
            ImageReaderEnvironment(
                **self._answering,
                images_table=self._names.images_table,
                link_seconds=self._settings.intake.link_seconds,
            ),
        )
        self._table.let_list(reader.role)
        self._buckets.let_fetch(reader.role, "images", prefix=PREVIEWS)
        self._pseudonyms.let_read(reader.role)
        return reader

    def _retrier(self, topic: EncryptedTopic) -> Handler:
        """Have images looked at once more that nobody has looked at."""
        settings, names = self._settings, self._names
        detection = Names.of_detector(settings).detection_machine
        machine = names.state_machine_arn(detection, Stack.of(self).account)
        minutes = settings.detector.retry_minutes
        retrier = self._handlers.add(
            RETRIER,
            ImageRetrierEnvironment(
                powertools_service_name=SERVICE,
                powertools_metrics_namespace=METRIC_NAMESPACE,
                images_bucket=self._buckets.name("images"),
                images_table=names.images_table,
                detection_machine_arn=machine,
                uncertain_topic_arn=topic.topic.topic_arn,
                retry_seconds=minutes * 60,
                retry_attempts=settings.detector.retry_attempts,
            ),
            seconds=RETRY_SECONDS,
            memory_mb=512,
        )
        self._table.let_list(retrier.role)
        self._table.let(retrier.role, "UpdateItem")
        topic.let_announce(retrier.role)
        allow(retrier.role, ["states:StartExecution"], [machine])
        run_on(
            self,
            "Retry",
            retrier,
            name=names.name("image-retry"),
            description="Has images looked at that the detector has left behind.",
            schedule=Schedule.rate(Duration.minutes(minutes)),
        )
        return retrier

    def _exporter(self) -> Handler:
        """Write records of images for queries, every day."""
        exporter = self._handlers.add(
            "image_exporter",
            ImageExporterEnvironment(
                powertools_service_name="analytics",
                powertools_metrics_namespace=METRIC_NAMESPACE,
                images_table=self._names.images_table,
                results_bucket=self._buckets.name("results"),
            ),
            seconds=900,
            memory_mb=1024,
        )
        self._table.let_list(exporter.role)
        self._buckets.let_write(exporter.role, "results", prefix=IMAGE_RECORDS.prefix)
        run_on(
            self,
            "Export",
            exporter,
            name=self._names.name("image-export"),
            description="Writes the records of the last days' images for queries.",
            schedule=Schedule.cron(hour="1", minute="0"),
        )
        return exporter
