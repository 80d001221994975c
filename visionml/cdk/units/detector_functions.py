"""The functions that the detection machine calls, each with what it may do."""

from typing import Any

from constructs import Construct

from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.detection_machine import STEP_SECONDS
from visionml.cdk.units.handler import Handler, Handlers, LambdaFunction
from visionml.cdk.units.images_table import ImagesTable
from visionml.cdk.units.intake_signals import DETECTOR
from visionml.cdk.units.notifications import EncryptedTopic
from visionml.cdk.units.permissions import see_pictures
from visionml.contracts.detector import FOLDERS, OTHER
from visionml.contracts.environment import (
    FileManagerEnvironment,
    ImageProcessorEnvironment,
    NotificationServiceEnvironment,
)
from visionml.contracts.layout import ACCEPTED, PREVIEWS
from visionml.contracts.names import METRIC_NAMESPACE, Names


class DetectorFunctions(Construct):
    """``processor`` looks, ``manager`` puts away, ``notifier`` tells people."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        buckets: Buckets,
        table: ImagesTable,
        topic: EncryptedTopic,
    ) -> None:
        super().__init__(scope, id)
        self._handlers, self._buckets = handlers, buckets
        self._common: dict[str, Any] = {
            "powertools_service_name": DETECTOR,
            "powertools_metrics_namespace": METRIC_NAMESPACE,
            "images_bucket": buckets.name("images"),
        }
        self.processor = self._processor()
        self.manager = self._manager(table)
        self.notifier = self._notifier(topic)

    @property
    def all(self) -> list[LambdaFunction]:
        """All of them."""
        return [self.processor, self.manager, self.notifier]

    def _processor(self) -> Handler:
        detector = self._handlers.settings.detector
        processor = self._handlers.add(
            "image_processor",
            ImageProcessorEnvironment(
                **self._common, detector_rules=detector.rules.model_dump_json()
            ),
            seconds=STEP_SECONDS,
        )
        see_pictures(processor.role, "DetectLabels")
        # Rekognition reads the picture as who asks it
        self._buckets.let_fetch(processor.role, "images", prefix=PREVIEWS)
        return processor

    def _manager(self, table: ImagesTable) -> Handler:
        manager = self._handlers.add(
            "file_manager",
            FileManagerEnvironment(
                **self._common,
                images_table=Names.of(self._handlers.settings).images_table,
            ),
            seconds=STEP_SECONDS,
        )
        # an image that could not be looked at waits in the folder of others for another look
        for prefix in (ACCEPTED, FOLDERS[OTHER]):
            self._buckets.let_take(manager.role, "images", prefix=prefix)
        for folder in FOLDERS.values():
            self._buckets.let_add(manager.role, "images", prefix=folder)
            self._buckets.let_take_back(manager.role, "images", prefix=folder)
        table.let(manager.role, "Query", "UpdateItem")
        return manager

    def _notifier(self, topic: EncryptedTopic) -> Handler:
        notifier = self._handlers.add(
            "notification_service",
            NotificationServiceEnvironment(
                **self._common,
                uncertain_topic_arn=topic.topic.topic_arn,
                link_seconds=self._handlers.settings.intake.link_seconds,
            ),
            seconds=STEP_SECONDS,
        )
        topic.let_announce(notifier.role)
        # what a signed link allows is what its signer may do
        self._buckets.let_fetch(notifier.role, "images", prefix=PREVIEWS)
        return notifier
