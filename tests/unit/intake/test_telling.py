"""The notice to people, and uploads as they are taken."""

from datetime import timedelta

import pytest

from tests.fakes.bucket import MemoryBucket, World
from tests.fakes.image_records import IMAGE_ID, TIME
from visionml.aws.s3 import Location
from visionml.contracts.detector import Detection, Organised, Uncertainty
from visionml.contracts.images import UploadOrder, image_id
from visionml.errors import InvalidInput
from visionml.intake.pseudonyms import Pseudonyms
from visionml.intake.telling import notice, subject
from visionml.intake.uploads import Uploads

UNSURE = Detection(animal="cat", confidence=60, uncertainty=Uncertainty.LOW_CONFIDENCE, reason="A.")


def organised(detection: Detection, preview: str | None = "previews/300/1.jpg") -> Organised:
    return Organised(
        image_id=IMAGE_ID,
        timestamp=TIME,
        key="cats/1.jpeg",
        preview_key=preview,
        detection=detection,
    )


def test_a_notice_says_what_and_why_with_a_link_that_ends() -> None:
    bucket = MemoryBucket(World())
    told = notice(organised(UNSURE), bucket=bucket, link_seconds=60, now=TIME)  # type: ignore[arg-type]
    assert told.preview_url == "https://images.example/previews/300/1.jpg?expires=60"
    assert told.preview_expires == TIME + timedelta(minutes=1)
    assert (told.s3_location, told.reason) == ("s3://images/cats/1.jpeg", "A.")
    assert subject(told) == f"Please look at the image {IMAGE_ID}: low confidence"
    bare = notice(organised(UNSURE, None), bucket=bucket, link_seconds=60, now=TIME)  # type: ignore[arg-type]
    assert (bare.preview_url, bare.preview_expires) == (None, None)


def test_nobody_is_told_of_a_certain_image() -> None:
    with pytest.raises(InvalidInput):
        notice(
            organised(Detection(animal="cat", confidence=99)),
            bucket=MemoryBucket(World()),  # type: ignore[arg-type]
            link_seconds=60,
            now=TIME,
        )


def test_an_upload_is_kept_under_a_pseudonym_and_a_safe_name() -> None:
    world = World()
    uploads = Uploads(MemoryBucket(world), Pseudonyms(lambda: "s"))  # type: ignore[arg-type]
    taken = uploads.take(b"image", "image/png", name="../../Größe\n.png", user="alice")
    ((where, (stored,)),) = world.objects.items()
    folder, unique, name = where.key.split("/")
    assert (where.bucket, folder, len(unique)) == ("images", "uploads", 32)
    assert name.isascii()
    assert taken.image_id == image_id("images", where.key, stored.version)
    assert stored.metadata == {"user": Pseudonyms(lambda: "s").of("alice")}
    assert (stored.content, stored.content_type) == (b"image", "image/png")


def test_two_uploads_of_one_name_are_two_and_nobody_needs_a_name() -> None:
    world = World()
    uploads = Uploads(MemoryBucket(world), Pseudonyms(lambda: "s"))  # type: ignore[arg-type]
    for _ in range(2):
        uploads.take(b"image", "image/png", name="", user="")
    assert len(world.objects) == 2
    assert Location("images", "uploads//") not in world.objects
    assert [stored.metadata for (stored,) in world.objects.values()] == [{}, {}]


def test_a_form_is_for_what_was_announced() -> None:
    uploads = Uploads(MemoryBucket(World()), Pseudonyms(lambda: "s"))  # type: ignore[arg-type]
    order = UploadOrder(content_type="image/webp", bytes=7, name="a/b.webp", user="alice")
    form = uploads.offer(order)
    assert form.key == form.fields["key"]
    assert form.key.endswith("/b.webp")
    assert form.fields.items() >= {"Content-Type": "image/webp", "length": "7"}.items()
    assert form.fields["user"].startswith("u-")
