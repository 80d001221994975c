"""Says which animal an image shows: the first step of the detector."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.rekognition import Rekognition
from visionml.aws.s3 import Location
from visionml.aws.session import Aws
from visionml.contracts.detector import DetectionOrder, DetectorRules
from visionml.contracts.environment import ImageProcessorEnvironment
from visionml.handlers.observability import Event, count, logger, observed
from visionml.intake.deciding import decide

environment = ImageProcessorEnvironment.read()
# the machine knows how often to try again, and has five minutes for everything
client = Aws().client(
    "rekognition",
    connect_timeout=2,
    read_timeout=15,
    retries={"mode": "standard", "total_max_attempts": 1},
)
rekognition = Rekognition(client)
rules = DetectorRules.model_validate_json(environment.detector_rules)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Answer a ``DetectionOrder`` with a ``Detection``."""
    order = DetectionOrder.model_validate(event)
    logger.append_keys(image_id=order.image_id)
    picture = Location(environment.images_bucket, order.picture)
    found = rekognition.labels(picture, most=rules.maximum_labels, least=rules.noticed)
    detection = decide(found.labels, rules, label_model_version=found.model_version)
    count("ImagesLookedAt")
    logger.info(
        "image looked at",
        extra={"animal": detection.animal, "confidence": detection.confidence},
    )
    return detection.model_dump(mode="json")
