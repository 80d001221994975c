"""Image intake and the detector: uploads come in, clean images lie in the folders of animals."""

from aws_cdk.aws_events import EventPattern, Rule
from aws_cdk.aws_events_targets import SqsQueue
from aws_cdk.aws_sqs import Queue
from constructs import Construct

from visionml.cdk.stacks.base import PlatformStack
from visionml.cdk.stacks.monitoring import MonitoringStack
from visionml.cdk.stacks.network import NetworkStack
from visionml.cdk.stacks.storage import StorageStack
from visionml.cdk.units import detection_machine, images_routes
from visionml.cdk.units.api import Api
from visionml.cdk.units.detector_functions import DetectorFunctions
from visionml.cdk.units.firewall import Firewall
from visionml.cdk.units.handler import Handlers
from visionml.cdk.units.image import vision
from visionml.cdk.units.intake_functions import IntakeFunctions
from visionml.cdk.units.machine import Machine
from visionml.cdk.units.notifications import EncryptedTopic
from visionml.contracts.layout import UPLOADS
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings


class IntakeStack(PlatformStack):
    """Nothing of it needs the training or the serving stack."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        storage: StorageStack,
        network: NetworkStack,
        monitoring: MonitoringStack,
    ) -> None:
        super().__init__(
            scope, "intake", settings=settings, description="Image intake, detector and their API."
        )
        self._storage, self._network = storage, network
        self.add_stack_dependency(
            monitoring, "API Gateway logs with the role that is declared there."
        )
        self.detector = Names.of_detector(settings)
        self._detect()
        self._take_in()
        self._announce()
        self._answer()
        self.publish(
            {
                "ImagesApiUrl": self.api.api.url,
                "ImagesApiId": self.api.api.rest_api_id,
                "ImagesApiKeyId": self.api.key.key_id,
                "DetectionMachineArn": self.machine.machine.state_machine_arn,
                "UncertainTopicArn": self.topic.topic.topic_arn,
                "ReceiverName": self.functions.receiver.function.function_name,
            }
        )

    def _handlers(self, id: str, names: Names) -> Handlers:  # noqa: A002
        return Handlers(
            self,
            id,
            settings=self.settings,
            names=names,
            logs_key=self._storage.keys.operations,
            placement=self._network.placement,
        )

    def _detect(self) -> None:
        """Sort accepted images into the folders of animals."""
        storage = self._storage
        self.topic = EncryptedTopic(
            self,
            "Uncertain",
            settings=self.settings,
            name=self.detector.uncertain_topic,
            title=f"Uncertain images {self.settings.environment}",
            key=storage.keys.operations,
        )
        self.detecting = DetectorFunctions(
            self,
            "DetectorFunctions",
            handlers=self._handlers("Detector", self.detector),
            buckets=storage.buckets,
            table=storage.images_table,
            topic=self.topic,
        )
        parts = detection_machine.DetectionParts(
            processor_arn=self.detecting.processor.function.function_arn,
            manager_arn=self.detecting.manager.function.function_arn,
            notifier_arn=self.detecting.notifier.function.function_arn,
        )
        self.machine = Machine(
            self,
            "Detection",
            name=self.detector.detection_machine,
            definition=detection_machine.definition(
                parts, attempts=self.settings.detector.attempts
            ),
            handlers=self.detecting.all,
            settings=self.settings,
            logs_key=storage.keys.operations,
            express=True,
        )

    def _take_in(self) -> None:
        """Look at uploads, and stand behind the API."""
        storage = self._storage
        self.functions = IntakeFunctions(
            self,
            "Functions",
            handlers=self._handlers("Handlers", self.names),
            buckets=storage.buckets,
            table=storage.images_table,
            queue=storage.intake_queue,
            pseudonyms=storage.pseudonyms,
            image=vision(self),
            topic=self.topic,
        )

    def _announce(self) -> None:
        """Queue every version of every object that arrives below the uploads' prefix.

        The queues' own policies let in what this rule sends, by its name.
        """
        waiting, failed = (
            Queue.from_queue_arn(self, id, self._queue_arn(name))
            for id, name in {  # noqa: A001
                "Waiting": self.names.intake_queue,
                "Failed": self.names.failed_intake_queue,
            }.items()
        )
        self.rule = Rule(
            self,
            "UploadsRule",
            rule_name=self.names.intake_rule,
            description="Tells intake of uploads.",
            event_pattern=EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self._storage.buckets.name("images")]},
                    "object": {"key": [{"prefix": UPLOADS}]},
                },
            ),
            targets=[SqsQueue(waiting, dead_letter_queue=failed)],
        )

    def _queue_arn(self, name: str) -> str:
        return f"arn:{self.partition}:sqs:{self.region}:{self.account}:{name}"

    def _answer(self) -> None:
        """Take uploads by an API, and tell of images."""
        self.api = Api(
            self,
            "Images",
            settings=self.settings,
            name=self.names.images_api,
            description="Takes images and tells what became of them.",
            callers="For the callers of the images API.",
            routes=images_routes.routes(self.functions),
            headers=images_routes.HEADERS,
            too_large=images_routes.TOO_LARGE,
            logs_key=self._storage.keys.operations,
        )
        Firewall(
            self,
            "Firewall",
            settings=self.settings.serving.firewall,
            name=self.names.name("images-firewall"),
            stage=self.api.api.deployment_stage,
        )
