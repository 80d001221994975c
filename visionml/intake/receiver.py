"""The Lambda function that looks at every upload; it runs in the image of the jobs.

Of an image its log holds the id and what became of it: names of files and people are not logged,
nor traced, which is why calls of AWS are not.
"""

import time
import traceback
from secrets import token_hex
from typing import Any
from urllib.parse import quote, quote_plus

from aws_lambda_powertools import Logger, Metrics, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws import executions, secrets
from visionml.aws.bucket import Bucket
from visionml.aws.rekognition import Rekognition
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.detector import DetectionOrder
from visionml.contracts.environment import IntakeEnvironment
from visionml.contracts.images import ImageRecord, ProcessingStatus
from visionml.contracts.settings import RedactionSettings
from visionml.errors import VisionmlError
from visionml.imaging.header import Limits
from visionml.intake.accepting import Acceptance
from visionml.intake.messages import Upload, upload_of
from visionml.intake.pseudonyms import Pseudonyms
from visionml.intake.receiving import Looked, Receiver
from visionml.intake.records import KEYS, Images
from visionml.intake.redacting import redactor_of

_COUNTED = {
    ProcessingStatus.ACCEPTED: "ImagesAccepted",
    ProcessingStatus.REFUSED: "ImagesRefused",
    ProcessingStatus.VANISHED: "ImagesVanished",
}

environment = IntakeEnvironment.read()
logger, metrics, tracer = Logger(), Metrics(), Tracer(auto_patch=False)
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def _detect(order: DetectionOrder) -> None:
    """Start the detector; a name of its own lets it start again where it did not get far."""
    executions.start(
        aws.states,
        environment.detection_machine_arn,
        name=f"{order.image_id}-{token_hex(4)}",
        payload=order.model_dump(mode="json"),
    )


def _rekognition() -> Rekognition:
    """Return what asks Rekognition; a call that hangs must leave time for the batch's others."""
    return Rekognition(aws.client("rekognition", connect_timeout=2, read_timeout=15))


def _receiver() -> Receiver:
    redaction = RedactionSettings.model_validate_json(environment.redaction)
    acceptance = Acceptance(
        limits=Limits(bytes=environment.upload_limit_bytes, pixels=environment.pixel_limit),
        sizes=tuple(map(int, environment.preview_sizes.split(","))),
        redaction=redaction,
        redactor=redactor_of(redaction, _rekognition),
    )
    originals, secret_client = environment.originals_bucket, aws.client("secretsmanager")
    return Receiver(
        bucket=Bucket(aws.s3, environment.images_bucket),
        originals=Bucket(aws.s3, originals) if originals else None,
        images=Images(Table(aws.dynamodb, environment.images_table, keys=KEYS)),
        accept=acceptance.accept,
        detect=_detect,
        pseudonyms=Pseudonyms(lambda: secrets.read(secret_client, environment.pseudonym_secret)),
        limit_bytes=environment.upload_limit_bytes,
        record_days=environment.records_days,
    )


aws = Aws()
receiver = _receiver()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return which messages of a batch are to be tried again."""
    answer = process_partial_response(
        event=event, record_handler=_one, processor=processor, context=context
    )
    failures = len(answer["batchItemFailures"])
    metrics.add_metric(name="Failures", unit=MetricUnit.Count, value=failures)
    return dict(answer)


def _one(record: SQSRecord) -> None:
    """Look at one message's upload.

    Batches keep errors until their end, so that what is raised here holds nothing of the image.
    """
    if not _dealt_with(record):
        raise VisionmlError("An upload was not dealt with: the log says why.")


def _dealt_with(record: SQSRecord) -> bool:
    started, upload = time.perf_counter(), None
    try:
        upload = upload_of(record.body, bucket=environment.images_bucket)
        looked = receiver.receive(upload)
    except Exception as error:  # noqa: BLE001 - the others of its batch are looked at in any case
        _log_failure(error, upload, record)
        return False
    elapsed_ms = (time.perf_counter() - started) * 1e3
    metrics.add_metric(name="IntakeDurationMs", unit=MetricUnit.Milliseconds, value=elapsed_ms)
    if looked.new:
        _count(looked.record)
    _log(looked, elapsed_ms)
    return True


def _count(record: ImageRecord) -> None:
    name = _COUNTED[record.processing_status]
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    if record.refusal is not None:
        with single_metric(name=name, unit=MetricUnit.Count, value=1) as metric:
            metric.add_dimension(name="reason", value=record.refusal.reason)


def _log(looked: Looked, elapsed_ms: float) -> None:
    record = looked.record
    logger.info(
        "upload looked at",
        extra={
            "image_id": record.image_id,
            "status": record.processing_status,
            "new": looked.new,
            "reason": record.refusal.reason if record.refusal else "",
            "kind": record.image_format,
            "bytes": record.file_size,
            "width": record.width,
            "height": record.height,
            "hidden_regions": len(record.redaction.regions) if record.redaction else 0,
            "elapsed_ms": round(elapsed_ms, 1),
        },
    )


def _log_failure(error: Exception, upload: Upload | None, record: SQSRecord) -> None:
    """Log why an upload was not dealt with, and where in the code, in words of our own only.

    What other libraries raise may repeat anything.
    """
    told = str(error) if isinstance(error, VisionmlError) else ""
    frames = traceback.extract_tb(error.__traceback__)
    logger.error(
        "upload not dealt with",
        extra={
            "image_id": upload.image_id if upload else "",
            "message_id": record.message_id,
            "attempt": record.attributes.approximate_receive_count,
            "error": type(error).__name__,
            "told": _masked(told, upload.key) if upload else told,
            "where": [f"{frame.filename}:{frame.lineno}" for frame in frames],
        },
    )


def _masked(sentence: str, key: str) -> str:
    """Return the sentence without a key, however that is written."""
    for written in {key, quote(key), quote(key, safe=""), quote_plus(key)}:
        sentence = sentence.replace(written, "uploads/...")
    return sentence
