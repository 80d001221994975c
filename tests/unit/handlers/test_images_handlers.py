"""The handlers of the images API and of the detector."""

import base64
import importlib
import io
import json
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.fakes import events
from tests.fakes.bucket import MemoryBucket, World
from tests.fakes.image_records import IMAGE_ID, TIME, accepted
from tests.fakes.table import MemoryTable
from tests.unit.handlers.conftest import ColdStart
from visionml.aws.rekognition import Labels
from visionml.aws.s3 import Location
from visionml.contracts.detector import Detection, Label, Organised, UncertainImage, Uncertainty
from visionml.contracts.images import ImageAnswer, ImageList, UploadForm, UploadTaken
from visionml.contracts.inference import INLINE_IMAGE_BYTES, ErrorBody
from visionml.errors import Unavailable
from visionml.intake.moments import moment
from visionml.intake.pseudonyms import Pseudonyms
from visionml.intake.records import KEYS, Images, order_of
from visionml.intake.retrying import Retrier
from visionml.intake.uploads import Uploads

IMAGE = events.load("upload_receiver.image")
ORDER = events.load("upload_receiver.order")
ONE = events.load("image_reader.one")
LIST = events.load("image_reader.list")
PSEUDONYMS = Pseudonyms(lambda: "secret")


def body_of(answer: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(answer["body"])
    return body


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def receiver(cold_start: ColdStart, world: World) -> ModuleType:
    uploads = Uploads(MemoryBucket(world), PSEUDONYMS)  # type: ignore[arg-type]
    return cold_start("upload_receiver", uploads=uploads)


@pytest.fixture
def images() -> Images:
    return Images(MemoryTable(KEYS))  # type: ignore[arg-type]


@pytest.fixture
def reader(cold_start: ColdStart, images: Images, world: World) -> ModuleType:
    return cold_start(
        "image_reader", images=images, bucket=MemoryBucket(world), pseudonyms=PSEUDONYMS
    )


def test_an_image_is_taken_with_whom_it_belongs_to(
    receiver: ModuleType, context: LambdaContext, world: World
) -> None:
    answer = receiver.handler(IMAGE, context)
    taken = UploadTaken.model_validate(body_of(answer))
    ((where, (stored,)),) = world.objects.items()
    assert answer["statusCode"] == 202
    assert answer["headers"]["Location"] == f"/images/{taken.image_id}"
    assert stored.content == base64.b64decode(IMAGE["body"])
    assert stored.content_type == "image/png"
    assert stored.metadata == {"user": PSEUDONYMS.of("alice@example.com")}
    assert where.key.endswith("/M-use.png")


def test_an_announced_image_gets_a_form(receiver: ModuleType, context: LambdaContext) -> None:
    answer = receiver.handler(ORDER, context)
    form = UploadForm.model_validate(body_of(answer))
    assert answer["statusCode"] == 201
    assert form.fields["length"] == "9000000"
    assert form.fields["user"] == PSEUDONYMS.of("alice@example.com")
    assert form.expires_seconds == 300


@pytest.mark.parametrize(
    ("body", "kind", "refusal"),
    [
        (b"", "image/png", (400, "empty")),
        (b"", "application/json", (400, "empty")),
        (b"x", "image/gif", (415, "unsupported_media_type")),
        (b"x", "", (415, "unsupported_media_type")),
        (b"x", "image/png" * 50, (415, "unsupported_media_type")),
        (b"{", "application/json", (400, "invalid_json")),
        (b'{"content_type": "image/gif", "bytes": 1}', "application/json", (400, "invalid_json")),
        (b'{"content_type": "image/png", "bytes": 0}', "application/json", (400, "invalid_json")),
        (
            b'{"content_type": "image/png", "bytes": 10485761}',
            "application/json",
            (413, "too_many_bytes"),
        ),
        (bytes(INLINE_IMAGE_BYTES + 1), "image/png", (413, "too_many_bytes")),
    ],
)
def test_what_cannot_be_taken_is_refused_before_anything_is_written(
    receiver: ModuleType,
    context: LambdaContext,
    world: World,
    *,
    body: bytes,
    kind: str,
    refusal: tuple[int, str],
) -> None:
    event = {**IMAGE, "headers": {"Content-Type": kind}, "body": base64.b64encode(body).decode()}
    answer = receiver.handler(event, context)
    assert (answer["statusCode"], body_of(answer)["error"]["code"]) == refusal
    assert world.objects == {}


def test_a_user_has_a_name_of_a_bounded_length(
    receiver: ModuleType, context: LambdaContext, world: World
) -> None:
    named = {**IMAGE["headers"], "x-user-id": "a" * 257}
    answer = receiver.handler({**IMAGE, "headers": named}, context)
    assert (answer["statusCode"], body_of(answer)["error"]["code"]) == (400, "invalid_header")
    assert world.objects == {}


def test_who_sends_too_much_is_told_the_limit_and_the_other_way(
    receiver: ModuleType, context: LambdaContext
) -> None:
    body = base64.b64encode(bytes(INLINE_IMAGE_BYTES + 1)).decode()
    told = ErrorBody.model_validate(body_of(receiver.handler({**IMAGE, "body": body}, context)))
    assert told.error.limit == INLINE_IMAGE_BYTES
    assert "application/json" in told.error.message


def test_a_bucket_that_is_busy_is_worth_another_try(
    receiver: ModuleType, context: LambdaContext, world: World
) -> None:
    def busy(_: str) -> None:
        raise Unavailable("Slow down.")

    world.step = busy
    answer = receiver.handler(IMAGE, context)
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "1")


def test_neither_names_nor_images_are_logged(
    receiver: ModuleType,
    context: LambdaContext,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logged = io.StringIO()
    monkeypatch.setattr(observability().logger.registered_handler, "stream", logged)
    receiver.handler(IMAGE, context)
    receiver.handler({**ORDER, "body": ORDER["body"].replace("image/jpeg", "image/gif")}, context)
    assert "request refused" in logged.getvalue()
    said = logged.getvalue() + "".join(capsys.readouterr())
    for private in ("alice", "M%C3%A4use", "M-use", IMAGE["body"], "u-"):
        assert private not in said


def observability() -> ModuleType:
    """Return the module with the handlers' logger, which needs its environment first."""
    return importlib.import_module("visionml.handlers.observability")


def test_an_image_is_known_with_links_to_its_previews(
    reader: ModuleType, images: Images, context: LambdaContext
) -> None:
    images.add(accepted())
    answer = reader.handler(ONE, context)
    body = body_of(answer)
    known = ImageAnswer.model_validate(body)
    assert answer["statusCode"] == 200
    assert body["ImageID"] == IMAGE_ID == known.image_id
    assert known.preview_urls["300"] == (
        f"https://images.example/previews/300/{IMAGE_ID}.jpg?expires=3600"
    )
    assert body["UrlsExpireSeconds"] == 3600


@pytest.mark.parametrize("expires", [None, 1])
def test_an_image_that_nobody_knows_or_that_has_expired_is_not_found(
    reader: ModuleType, images: Images, context: LambdaContext, expires: int | None
) -> None:
    if expires:
        images.add(accepted(expires=expires))
    answer = reader.handler(ONE, context)
    assert (answer["statusCode"], body_of(answer)["error"]["code"]) == (404, "unknown_image")


def test_images_are_listed_and_a_wrong_question_is_refused(
    reader: ModuleType, images: Images, context: LambdaContext
) -> None:
    alice = PSEUDONYMS.of("alice@example.com")
    images.add(accepted(user_id=alice, detected_animal="cat", processing_status="organised"))
    answer = reader.handler(LIST, context)
    listed = ImageList.model_validate(body_of(answer))
    assert (answer["statusCode"], [each.image_id for each in listed.images]) == (200, [IMAGE_ID])
    assert body_of(answer)["images"][0]["UserID"] == alice
    wrong = {**LIST, "queryStringParameters": {"limit": "many"}}
    refused = reader.handler(wrong, context)
    assert (refused["statusCode"], body_of(refused)["error"]["code"]) == (400, "invalid_parameter")
    nothing = reader.handler({**LIST, "queryStringParameters": None}, context)
    assert len(body_of(nothing)["images"]) == 1


class Seeing:
    def __init__(self, *labels: Label) -> None:
        self.found = labels

    def labels(self, where: Location, *, most: int, least: float) -> Labels:
        self.asked = (where, most, least)
        return Labels(self.found, "3.0")


def test_the_processor_shows_the_engine_a_preview_and_decides(
    cold_start: ColdStart, context: LambdaContext
) -> None:
    engine = Seeing(Label(name="Cat", confidence=97))
    module = cold_start("image_processor", rekognition=engine)
    order = order_of(accepted())
    answer = module.handler(order.model_dump(mode="json"), context)
    found = Detection.model_validate(answer)
    assert engine.asked == (Location("images", order.picture), 25, 30.0)
    assert (found.animal, found.uncertainty, found.label_model_version) == ("cat", None, "3.0")


def test_an_engine_that_is_busy_fails_under_the_name_that_the_machine_retries(
    cold_start: ColdStart, context: LambdaContext
) -> None:
    class Busy:
        def labels(self, *_: object, **__: object) -> None:
            raise Unavailable("Slow down.")

    module = cold_start("image_processor", rekognition=Busy())
    with pytest.raises(Unavailable) as raised:
        module.handler(order_of(accepted()).model_dump(mode="json"), context)
    assert type(raised.value).__name__ == "Unavailable"


def test_the_file_manager_answers_with_what_is_true_afterwards(
    cold_start: ColdStart, context: LambdaContext, images: Images, world: World
) -> None:
    images.add(accepted())
    bucket = MemoryBucket(world)
    bucket.write(f"accepted/{IMAGE_ID}.jpeg", b"image", content_type="image/jpeg")
    module = cold_start("file_manager", images=images, bucket=bucket)
    order = order_of(accepted()).model_dump(mode="json")
    detection = {"animal": "dog", "confidence": 99.0}
    first = module.handler({"order": order, "detection": detection}, context)
    again = module.handler(
        {"order": order, "failure": {"error": "Unavailable", "cause": "No."}}, context
    )
    assert first == again
    assert Organised.model_validate(first).key == f"dogs/{IMAGE_ID}.jpeg"
    assert first["detection"]["uncertainty"] is None


def an_hour_ago() -> datetime:
    return moment(datetime.now(UTC) - timedelta(hours=1))


class Started:
    """Step Functions, as far as it is asked to start the detector."""

    def __init__(self) -> None:
        self.orders: list[Any] = []

    def start_execution(self, **asked: str) -> dict[str, str]:
        self.orders.append(json.loads(asked["input"]))
        return {"executionArn": "arn"}


@pytest.mark.parametrize(
    ("event", "outcomes"),
    [
        ({"source": "aws.events", "detail-type": "Scheduled Event"}, {}),
        ({"status": "accepted"}, {"started": [IMAGE_ID]}),
        ({"status": "failed"}, {}),
        ({"images": [IMAGE_ID, "f" * 32]}, {"started": [IMAGE_ID]}),
    ],
)
def test_images_left_behind_are_tried_again_on_a_schedule_or_when_they_are_named(
    cold_start: ColdStart,
    context: LambdaContext,
    images: Images,
    event: dict[str, Any],
    outcomes: dict[str, list[str]],
) -> None:
    states = Started()
    module = cold_start("image_retrier", aws=SimpleNamespace(states=states))
    retrier = Retrier(images, module._detect, module._tell, 2)
    module = cold_start("image_retrier", retrier=retrier)
    images.add(accepted(timestamp=an_hour_ago()))
    answer = module.handler(event, context)
    assert answer == {"outcomes": outcomes, "done": True}
    started = "status" not in event or event["status"] == "accepted"
    assert [order["image_id"] for order in states.orders] == [IMAGE_ID] * started


def test_of_an_image_that_is_given_up_people_are_told_without_a_link(
    cold_start: ColdStart, context: LambdaContext, images: Images
) -> None:
    published: list[dict[str, str]] = []
    sns = SimpleNamespace(publish=lambda **message: published.append(message))
    module = cold_start("image_retrier", aws=SimpleNamespace(sns=sns))
    cold_start("image_retrier", retrier=Retrier(images, module._detect, module._tell, 2))
    images.add(accepted(timestamp=an_hour_ago(), retries=2))
    for _ in range(2):
        module.handler({}, context)
    (message,) = published
    told = UncertainImage.model_validate_json(message["Message"])
    assert (told.image_id, told.uncertainty) == (IMAGE_ID, Uncertainty.NOT_LOOKED_AT)
    assert told.preview_url is None


def test_people_are_told_by_topic_and_the_link_goes_nowhere_else(
    cold_start: ColdStart,
    context: LambdaContext,
    world: World,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sent: list[dict[str, str]] = []
    sns = SimpleNamespace(publish=lambda **message: sent.append(message))
    module = cold_start("notification_service", sns=sns, bucket=MemoryBucket(world))
    organised = Organised(
        image_id=IMAGE_ID,
        timestamp=TIME,
        key=f"cats/{IMAGE_ID}.jpeg",
        preview_key=f"previews/300/{IMAGE_ID}.jpg",
        detection=Detection(
            animal="cat", confidence=60, uncertainty=Uncertainty.LOW_CONFIDENCE, reason="Is it?"
        ),
    )
    answer = module.handler(organised.model_dump(mode="json"), context)
    (message,) = sent
    told = UncertainImage.model_validate_json(message["Message"])
    assert message["TopicArn"].endswith(":uncertain")
    assert told.preview_url
    assert (told.reason, told.s3_location) == ("Is it?", f"s3://images/cats/{IMAGE_ID}.jpeg")
    assert answer == {"image_id": IMAGE_ID, "uncertainty": "low_confidence"}
    assert told.preview_url not in "".join(capsys.readouterr())


def test_names_beyond_ascii_come_percent_encoded() -> None:
    assert IMAGE["headers"]["x-file-name"] == quote("Mäuse.png")
