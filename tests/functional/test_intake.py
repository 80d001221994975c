"""Uploads through the deployed intake and detector, by every way in."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import urllib3
from boto3.dynamodb.conditions import Key
from PIL import Image
from skimage import data

from tests.fakes import hostile, pictures
from tests.fakes.colours import write_model
from tests.fakes.pictures import encoded
from tests.functional.platform import TRIGGERED, Deployed
from tests.functional.waiting import PATIENCE_SECONDS, until
from visionml import workbench
from visionml.aws import functions
from visionml.aws.mailbox import Mailbox, mailbox
from visionml.aws.session import Aws
from visionml.contracts.images import ImageRecord, ProcessingStatus, image_id
from visionml.contracts.intake import RefusalReason, RegionKind
from visionml.errors import RequestRefused
from visionml.intake.moments import moment_text
from visionml.local import faults
from visionml.local.rekognition.registered import register
from visionml.local.state import Project, State
from visionml.model import artefact
from visionml.workbench import Session

CAT, DOG, TREE = (180, 100, 100), (100, 180, 100), (100, 100, 180)
BETWEEN = (171, 169, 60)
"""As much a cat as a dog."""
EXIF_GPS = 0x8825


@dataclass(frozen=True)
class Intake:
    """The platform, whose detector takes reddish images for cats and greenish ones for dogs."""

    session: Session
    told: Mailbox
    """What people are told of uncertain images."""
    ca_bundle: str

    @property
    def bucket(self) -> str:
        return self.session.names.bucket("images", self.session.aws.account)

    def drop(self, content: bytes, name: str, **metadata: str) -> str:
        """Put an object below ``uploads/`` as anybody may, and return the image's id."""
        key = f"uploads/{uuid4().hex}/{name}"
        put = self.session.aws.s3.put_object(
            Bucket=self.bucket, Key=key, Body=content, Metadata=metadata
        )
        return image_id(self.bucket, key, put["VersionId"])

    def record(self, image: str) -> ImageRecord:
        """Return an image's record once everything is done."""
        self.session.images.wait([image], patience_seconds=PATIENCE_SECONDS)
        return self.session.images.get(image)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys of all versions below a prefix."""
        found = self.session.aws.s3.list_object_versions(Bucket=self.bucket, Prefix=prefix)
        return [version["Key"] for version in found.get("Versions", [])]

    def alerts(self, image: str) -> list[dict[str, Any]]:
        """Return what people were told of an image, at least once."""
        self.told.wait(
            lambda messages: any(each.body["image_id"] == image for each in messages),
            seconds=PATIENCE_SECONDS,
        )
        return [each.body for each in self.told.messages if each.body["image_id"] == image]


@pytest.fixture(scope="module")
def intake(
    platform: Deployed, local_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Intake]:
    session = platform.session
    classes = ("cat", "dog", "palm_tree")
    folder = write_model(tmp_path_factory.mktemp("labels"), size=32, classes=classes)
    archive = artefact.pack(folder, folder.parent / f"{uuid4().hex}.tar.gz")
    models = session.names.bucket("models", session.aws.account)
    session.aws.s3.upload_file(str(archive), models, "labels/model.tar.gz")
    register(local_project, artefact=f"s3://{models}/labels/model.tar.gz", version="colours")
    topic = type(session.names).of_detector(session.settings).uncertain_topic
    with mailbox(session.aws, "uncertain", topic=topic, source="visionml.none") as told:
        bundle = platform.session.images.api._ca_bundle
        assert bundle is not None
        yield Intake(session, told, bundle)


def plain(colour: tuple[int, int, int], *, side: int = 400) -> Image.Image:
    """Return a picture of one colour, with a corner of another that metadata may turn."""
    return Image.new("RGB", (side, side * 3 // 4), colour)


def located(image: Image.Image) -> bytes:
    """Return a JPEG that is to be turned by a quarter, and tells where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker of cameras"
    exif.get_ifd(EXIF_GPS).update({1: "N", 2: (48.0, 8.0, 0.0), 3: "E", 4: (11.0, 34.0, 0.0)})
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif, quality=90)
    return buffer.getvalue()


def test_a_drop_becomes_a_clean_image_in_the_folder_of_its_animal(intake: Intake) -> None:
    image = intake.drop(located(plain(CAT)), "holiday.jpg", user="alice@example.org")
    record = intake.record(image)
    assert record.processing_status is ProcessingStatus.ORGANISED
    assert (record.detected_animal, record.image_format) == ("cat", "jpeg")
    assert record.confidence_score is not None
    assert record.confidence_score > 80
    assert record.label_model_version == "visionml-colours"
    assert record.s3_location == f"s3://{intake.bucket}/cats/{image}.jpeg"
    assert (record.width, record.height) == (300, 400)  # upright

    clean = Image.open(io.BytesIO(intake.session.images.picture(image)))
    assert clean.size == (300, 400)
    assert not clean.getexif()
    sizes = {
        size: Image.open(io.BytesIO(intake.session.images.picture(image, size))).size
        for size in (150, 300, 800)
    }
    assert sizes == {150: (113, 150), 300: (225, 300), 800: (300, 400)}
    assert record.user_id is not None
    assert record.user_id.startswith("u-")
    item = json.dumps(record.item())
    assert "alice" not in item
    left = intake.keys("uploads/")
    assert not [key for key in left if key.endswith("holiday.jpg")]
    assert not intake.keys(f"accepted/{image}")


def test_files_of_all_accepted_kinds_are_organised(intake: Intake) -> None:
    dog, tree = plain(DOG), plain(TREE)
    images = {
        intake.drop(encoded(dog, "PNG"), "dog.png"): "dog",
        intake.drop(encoded(dog, "WEBP"), "dog.webp"): "dog",
        intake.drop(encoded(tree, "JPEG"), "../../tree \N{EVERGREEN TREE}.txt"): "other",
    }
    for image, animal in images.items():
        record = intake.record(image)
        assert record.processing_status is ProcessingStatus.ORGANISED, record
        assert record.detected_animal == animal


def test_what_is_no_acceptable_image_goes_to_quarantine_with_its_reason(intake: Intake) -> None:
    cases = {
        "zip": (hostile.zipped(), RefusalReason.UNSUPPORTED),
        "html": (hostile.HTML, RefusalReason.UNSUPPORTED),
        "svg": (hostile.SVG, RefusalReason.UNSUPPORTED),
        "bomb": (pictures.png_bomb(), RefusalReason.TOO_MANY_PIXELS),
        "cut": (located(plain(CAT))[:900], RefusalReason.TRUNCATED),
        "empty": (b"", RefusalReason.EMPTY),
        "large": (located(plain(CAT)) + bytes(11 << 20), RefusalReason.TOO_MANY_BYTES),
        "polyglot": (located(plain(CAT)) + hostile.zipped(), RefusalReason.POLYGLOT),
    }
    sent = {name: intake.drop(content, "x.jpg") for name, (content, _) in cases.items()}
    for name, image in sent.items():
        record = intake.record(image)
        assert record.processing_status is ProcessingStatus.REFUSED, (name, record)
        assert record.refusal is not None
        assert record.refusal.reason is cases[name][1], (name, record.refusal)
        stored = intake.session.aws.s3.get_object(Bucket=intake.bucket, Key=f"quarantine/{image}")
        assert stored["Body"].read() == cases[name][0]
        told = intake.session.aws.s3.get_object(
            Bucket=intake.bucket, Key=f"quarantine/{image}.reason.json"
        )
        assert json.loads(told["Body"].read())["reason"] == record.refusal.reason
        assert not intake.keys(f"previews/150/{image}")


def test_uncertain_images_are_told_of_with_a_link_to_what_they_show(intake: Intake) -> None:
    image = intake.drop(encoded(plain(BETWEEN), "PNG"), "either.png")
    record = intake.record(image)
    assert record.processing_status is ProcessingStatus.UNCERTAIN
    (alert,) = intake.alerts(image)
    assert alert["reason"]
    assert alert["uncertainty"] == record.uncertainty
    pool = urllib3.PoolManager(ca_certs=intake.ca_bundle)
    shown = pool.request("GET", alert["preview_url"])
    assert shown.status == 200
    assert Image.open(io.BytesIO(shown.data)).size == (300, 225)


def test_an_overwritten_upload_is_two_images(intake: Intake) -> None:
    key = f"uploads/{uuid4().hex}/same.png"
    images = []
    for colour in (CAT, DOG):
        body = encoded(plain(colour), "PNG")
        put = intake.session.aws.s3.put_object(Bucket=intake.bucket, Key=key, Body=body)
        images.append(image_id(intake.bucket, key, put["VersionId"]))
    assert [intake.record(image).detected_animal for image in images] == ["cat", "dog"]
    assert intake.keys(key) == []


def test_an_event_told_twice_and_an_upload_that_is_gone_change_nothing(intake: Intake) -> None:
    content = encoded(plain(CAT, side=200), "PNG")
    image = intake.drop(content, "twice.png")
    first = intake.record(image)
    account = intake.session.aws.account
    sqs: Any = intake.session.aws.client("sqs")
    queue = sqs.get_queue_url(QueueName=intake.session.names.intake_queue)["QueueUrl"]
    key = first.source.removeprefix(f"s3://{intake.bucket}/")

    def event(version: str) -> str:
        detail = {
            "version": "0",
            "bucket": {"name": intake.bucket},
            "object": {"key": key, "size": len(content), "etag": "0" * 32, "version-id": version},
            "request-id": "again",
            "requester": account,
            "reason": "PutObject",
        }
        return json.dumps(
            {
                "version": "0",
                "id": str(uuid4()),
                "detail-type": "Object Created",
                "source": "aws.s3",
                "account": account,
                "time": "2026-11-20T10:00:00Z",
                "region": intake.session.aws.region,
                "resources": [f"arn:aws:s3:::{intake.bucket}"],
                "detail": detail,
            }
        )

    gone = "00000000000000000000000000000000"
    sqs.send_message(QueueUrl=queue, MessageBody=event(gone))
    vanished = intake.record(image_id(intake.bucket, key, gone))
    assert vanished.processing_status is ProcessingStatus.VANISHED
    assert intake.session.images.get(image) == first
    until(lambda: _empty(sqs, queue))


def _empty(sqs: Any, queue: str) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return all(int(found[name]) == 0 for name in names)


@pytest.fixture
def fault(aws_local: State) -> Iterator[Callable[..., object]]:
    """Let calls fail; what is left of it is cleared."""
    yield lambda operation, code, **counts: faults.inject(aws_local, operation, code, **counts)
    faults.clear(aws_local)


@pytest.mark.parametrize(
    ("operation", "code", "times"),
    [  # often enough that a client gives up, so that what is behind it has to try again
        ("s3:GetObject", "SlowDown", 3),
        ("s3:PutObject", "InternalError", 3),
        ("dynamodb:PutItem", "ProvisionedThroughputExceededException", 3),
        ("states:StartExecution", "ThrottlingException", 3),
        ("rekognition:DetectLabels", "ThrottlingException", 2),
        ("dynamodb:UpdateItem", "InternalServerError", 3),
        ("sns:Publish", "InternalError", 3),
    ],
)
def test_services_that_fail_for_a_while_lose_nothing_and_repeat_nothing(
    intake: Intake, fault: Callable[..., object], operation: str, code: str, times: int
) -> None:
    content = encoded(plain(BETWEEN, side=160), "PNG")
    key = f"uploads/{uuid4().hex}/either.png"
    put = intake.session.aws.s3.put_object(Bucket=intake.bucket, Key=key, Body=content)
    fault(operation, code, times=times)
    image = image_id(intake.bucket, key, put["VersionId"])
    record = intake.record(image)
    assert record.processing_status is ProcessingStatus.UNCERTAIN
    assert record.detected_animal == "cat"
    assert len(intake.session.images._records.all_of(image)) == 1
    assert len(intake.alerts(image)) == 1
    assert intake.keys(key) == []
    assert [each for each in intake.keys("") if image in each and "previews" not in each] == [
        f"cats/{image}.png"
    ]


def test_an_image_that_rekognition_cannot_be_asked_about_is_kept_and_told_of(
    intake: Intake, fault: Callable[..., object]
) -> None:
    fault("rekognition:DetectLabels", "AccessDeniedException", times=1000)
    image = intake.drop(encoded(plain(DOG, side=160), "PNG"), "dog.png")
    record = intake.record(image)
    assert record.processing_status is ProcessingStatus.FAILED
    assert record.s3_location == f"s3://{intake.bucket}/others/{image}.png"
    (alert,) = intake.alerts(image)
    assert alert["uncertainty"] == "not_looked_at"
    assert "AccessDenied" in alert["reason"]


def test_people_are_told_once_of_an_image_that_is_tried_again_in_vain_and_then_looked_at(
    intake: Intake, fault: Callable[..., object], aws_local: State
) -> None:
    fault("rekognition:DetectLabels", "AccessDeniedException", times=1000)
    image = intake.drop(encoded(plain(DOG, side=160), "PNG"), "dog.png")
    assert intake.record(image).processing_status is ProcessingStatus.FAILED
    tried = intake.session.images.retry([image, "f" * 32])
    assert tried["outcome"].to_dict() == {image: "started", "f" * 32: "unknown"}
    record = intake.record(image)
    assert (record.processing_status, record.retries) == (ProcessingStatus.FAILED, 1)
    assert intake.keys(f"others/{image}") == [f"others/{image}.png"]

    faults.clear(aws_local)
    tried = intake.session.images.retry(status="failed")
    assert tried["outcome"][image] == "started"
    record = intake.record(image)
    assert record.processing_status is ProcessingStatus.ORGANISED
    assert record.s3_location == f"s3://{intake.bucket}/dogs/{image}.png"
    assert (record.uncertainty, record.reason) == (None, "")
    assert intake.keys(f"others/{image}") == []
    assert len(intake.alerts(image)) == 1


def test_an_image_whose_execution_ended_as_a_whole_is_organised_without_anybodys_doing(
    intake: Intake, fault: Callable[..., object], aws_local: State
) -> None:
    # the step that puts images into folders fails for good, and the execution with it
    fault("dynamodb:UpdateItem", "AccessDeniedException", times=1000)
    image = intake.drop(encoded(plain(CAT, side=160), "PNG"), "cat.png")
    names, aws = intake.session.names, intake.session.aws
    detection = type(names).of_detector(intake.session.settings).detection_machine
    machine = names.state_machine_arn(detection, aws.account)
    until(lambda: _ended_without_success(aws, machine, image))
    faults.clear(aws_local)
    assert intake.session.images.get(image).processing_status is ProcessingStatus.ACCEPTED

    scheduled = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
    client, function = functions.patient(aws), names.function("image_retrier")
    functions.call(client, function, scheduled)
    # it may be on its way yet
    assert intake.session.images.get(image).retries is None
    _grow_older(intake, image)
    functions.call(client, function, scheduled)
    record = intake.record(image)
    assert (record.processing_status, record.retries) == (ProcessingStatus.ORGANISED, 1)
    assert record.s3_location == f"s3://{intake.bucket}/cats/{image}.png"
    assert intake.keys(f"accepted/{image}") == []


def _ended_without_success(aws: Aws, machine: str, image: str) -> bool:
    """Tell by the log of the express machine, which lists no executions."""
    group = f"/aws/vendedlogs/states/{machine.rsplit(':', 1)[-1]}"
    pages = aws.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    events = [json.loads(event["message"]) for page in pages for event in page["events"]]
    return any(
        event["type"] == "ExecutionFailed" and image in event["execution_arn"] for event in events
    )


def _grow_older(intake: Intake, image: str) -> None:
    """Let an image have been sent an hour ago."""
    table = intake.session.aws.dynamodb.Table(intake.session.names.images_table)
    (item,) = table.query(KeyConditionExpression=Key("ImageID").eq(image))["Items"]
    table.delete_item(Key={name: item[name] for name in ("ImageID", "Timestamp")})
    moment = datetime.fromisoformat(str(item["Timestamp"])) - timedelta(hours=1)
    table.put_item(Item={**item, "Timestamp": moment_text(moment)})


@pytest.fixture
def redacting(intake: Intake, local_project: Project) -> Iterator[None]:
    """Deploy with faces and text hidden and originals kept, and as usual again afterwards."""
    wanted = {
        "redaction.enabled": True,
        "redaction.engine": "offline",
        "redaction.keep_originals": True,
    }
    with contextlib.chdir(local_project.folder.parent):
        _opened({**TRIGGERED, **wanted}).stacks.deploy()
        try:
            yield
        finally:
            _opened(TRIGGERED).stacks.deploy()


def _opened(overrides: dict[str, Any]) -> Session:
    return workbench.open("local", overrides=overrides, say=lambda _line: None)


@pytest.mark.usefixtures("redacting")
def test_faces_are_hidden_before_anything_is_kept_and_the_original_can_be_forgotten(
    intake: Intake,
) -> None:
    person: Any = data
    content = encoded(Image.fromarray(person.astronaut()), "JPEG", quality=92)
    image = intake.drop(content, "portrait.jpg")
    record = intake.record(image)
    assert record.redaction is not None
    face = next(each for each in record.redaction.regions if each.kind is RegionKind.FACE)
    kept = np.asarray(Image.open(io.BytesIO(intake.session.images.picture(image))))
    sent = np.asarray(Image.open(io.BytesIO(content)))

    def detail(pixels: Any) -> float:
        part = pixels[face.top :, face.left :][: face.height, : face.width].mean(axis=2)
        return float(np.abs(np.diff(part, axis=1)).mean())

    assert detail(kept) < detail(sent) / 2
    assert record.original is not None
    assert intake.session.images._platform.objects.read_bytes(record.original) == content
    intake.session.images.forget(image)
    assert not intake.session.images._platform.objects.exists(record.original)
    assert [key for key in intake.keys("") if image in key] == []


def test_the_api_takes_images_and_tells_of_them(intake: Intake) -> None:
    api = intake.session.images.api
    user = f"bob-{uuid4().hex}"
    sent = api.send(encoded(plain(CAT, side=240), "JPEG"), name="cat.jpg", user=user)
    content = encoded(plain(DOG, side=240), "PNG")
    posted = api.post(api.order("image/png", len(content), name="dog.png", user=user), content)
    assert posted is not None
    assert intake.record(sent).detected_animal == "cat"
    assert intake.record(posted).detected_animal == "dog"

    answer = api.get(sent)
    assert set(answer.preview_urls) == {"150", "300", "800"}
    pool = urllib3.PoolManager(ca_certs=intake.ca_bundle)
    assert pool.request("GET", answer.preview_urls["150"]).status == 200
    of_user = [record.image_id for record in api.pages(user=user, limit=1)]
    assert sorted(of_user) == sorted([sent, posted])
    dogs = api.list(user=user, label="dog").images
    assert [record.image_id for record in dogs] == [posted]
    assert dogs[0].user_id != user


def test_the_api_refuses_with_a_reason(intake: Intake, tmp_path: Path) -> None:
    api = intake.session.images.api
    form = api.order("image/png", 100)
    with pytest.raises(RequestRefused):
        api.post(form, bytes(101))
    with pytest.raises(RequestRefused) as large:
        api.order("image/png", 11 << 20)
    assert large.value.status == 413
    with pytest.raises(RequestRefused) as unknown:
        api.get("0" * 32)
    assert unknown.value.status == 404
    for wrong in ({"status": "eaten"}, {"from_": "yesterday"}, {"limit": 0}, {"next": "x"}):
        with pytest.raises(RequestRefused) as refused:
            api.list(**wrong)
        assert refused.value.status == 400, wrong
