"""Uploads become images or lie in quarantine: the right place, the right record, each once."""

import json
from datetime import timedelta
from hashlib import sha256

import pytest

from tests.fakes import hostile, pictures
from tests.fakes.crashes import Crash, Crashing
from tests.fakes.image_records import TIME
from tests.fakes.intake import LIMIT_BYTES, PSEUDONYMS, SIZES, MemoryIntake
from tests.fakes.pictures import Pixels, encoded
from visionml.aws.s3 import Location
from visionml.contracts.images import ImageRecord, ProcessingStatus
from visionml.contracts.intake import FileKind, RefusalReason, Region, RegionKind
from visionml.errors import Unavailable
from visionml.imaging.inspect import inspect
from visionml.intake.messages import Upload
from visionml.intake.receiving import Looked

JPEG = encoded(hostile.small(), "JPEG")
HTML = hostile.HTML


class Corner:
    """An engine that finds a face in the upper left corner of everything."""

    name = "corner/1"

    def find(self, pixels: Pixels, kinds: frozenset[RegionKind]) -> tuple[Region, ...]:
        return (Region(kind=RegionKind.FACE, top=0, left=0, height=30, width=30),)


class Busy:
    """An engine that is down."""

    name = "busy/1"

    def find(self, pixels: Pixels, kinds: frozenset[RegionKind]) -> tuple[Region, ...]:
        raise Unavailable("Slow down.")


def places(intake: MemoryIntake) -> list[str]:
    """Return the folders of the images bucket that hold something."""
    return sorted({key.split("/")[0] for key in intake.world.now("images")})


def test_a_photograph_becomes_a_clean_image_and_is_detected() -> None:
    intake = MemoryIntake()
    data = pictures.with_orientation(hostile.small(), 6)
    upload = intake.upload(data, metadata={"user": "alice@example.com"})
    looked = intake.receiver.receive(upload)
    record, image_id = looked.record, upload.image_id
    key = f"accepted/{image_id}.jpeg"
    now = intake.world.now("images")
    assert looked.new
    assert sorted(now) == [key, *(f"previews/{size}/{image_id}.jpg" for size in SIZES)]
    assert now[key] != data
    assert b"Exif" not in now[key]
    assert (record.width, record.height) == (120, 160)
    assert (inspect(now[key]).width, inspect(now[key]).height) == (120, 160)
    assert record.processing_status is ProcessingStatus.ACCEPTED
    assert record.s3_location == f"s3://images/{key}"
    assert record.user_id == PSEUDONYMS.of("alice@example.com")
    assert record.upload_hash == sha256(data).hexdigest()
    assert record.content_hash == sha256(now[key]).hexdigest()
    assert (record.image_format, record.file_size) == ("jpeg", len(data))
    assert record.statistics
    assert 0 < record.statistics.brightness < 255
    assert record.expires == int((TIME + timedelta(days=730)).timestamp())
    assert record == intake.known(upload)
    (order,) = intake.orders
    assert (order.key, order.picture) == (key, f"previews/800/{image_id}.jpg")


def test_every_file_of_the_corpus_ends_in_its_place_with_its_record() -> None:
    for case in hostile.corpus():
        check(case)


def check(case: hostile.Case) -> None:
    intake = MemoryIntake()
    upload = intake.upload(case.data, f"uploads/../{case.name}", {"user": "alice"})
    record = intake.receiver.receive(upload).record
    image_id = upload.image_id
    assert record == intake.known(upload), case.name
    assert len(json.dumps(record.item())) < 10_000
    assert record.user_id == PSEUDONYMS.of("alice")
    assert record.image_format == case.kind, case.name
    if case.reason is None:
        assert record.processing_status is ProcessingStatus.ACCEPTED, case.name
        assert places(intake) == ["accepted", "previews"]
        assert [order.image_id for order in intake.orders] == [image_id]
        return
    (stored,) = intake.world.objects[Location("images", f"quarantine/{image_id}")]
    reason = json.loads(intake.world.now("images")[f"quarantine/{image_id}.reason.json"])
    assert record.processing_status is ProcessingStatus.REFUSED, case.name
    assert record.refusal
    assert record.refusal.reason == case.reason, case.name
    assert record.reason == record.refusal.sentence
    assert stored.content == case.data
    assert stored.content_type == "application/octet-stream"
    assert stored.metadata == {"user": PSEUDONYMS.of("alice")}
    assert (reason["reason"], reason["kind"]) == (case.reason, case.kind)
    assert (reason["source"], reason["time"]) == (upload.address, "2026-11-20T10:15:00Z")
    assert places(intake) == ["quarantine"]
    assert intake.orders == []


def test_a_file_that_is_too_large_is_refused_without_being_read() -> None:
    intake = MemoryIntake()
    upload = intake.upload(JPEG + bytes(LIMIT_BYTES))
    record = intake.receiver.receive(upload).record
    assert record.refusal
    assert record.refusal.reason is RefusalReason.TOO_MANY_BYTES
    assert (record.refusal.sha256, record.refusal.limit) == (None, LIMIT_BYTES)
    assert (record.file_size, record.image_format) == (len(JPEG) + LIMIT_BYTES, FileKind.JPEG)


@pytest.mark.parametrize(
    "key",
    [
        "uploads/../../etc/passwd",
        "uploads/",
        "uploads/" + "ü" * 508,
        "uploads/a\n\x00\x7f?versionId=1&x=%2F.jpg",
        "uploads/a\udcff".encode(errors="replace").decode(),
    ],
)
def test_the_name_of_an_upload_decides_nothing(key: str) -> None:
    intake = MemoryIntake()
    upload = intake.upload(JPEG, key)
    assert intake.receiver.receive(upload).record.processing_status is ProcessingStatus.ACCEPTED
    assert all(upload.image_id in each for each in intake.world.now("images"))


def test_the_same_event_twice_is_one_image() -> None:
    intake = MemoryIntake()
    upload = intake.upload(JPEG)
    first, again = (intake.receiver.receive(upload) for _ in range(2))
    assert (first.new, again.new) == (True, False)
    assert first.record == again.record
    assert len(intake.table.items) == 1
    assert all(len(versions) == 1 for versions in intake.world.objects.values())


def test_an_image_that_the_detector_knows_is_not_detected_again() -> None:
    intake = MemoryIntake()
    upload = intake.upload(JPEG)
    record = intake.receiver.receive(upload).record
    moved = record.model_copy(update={"processing_status": ProcessingStatus.ORGANISED})
    intake.images.organise(moved)
    assert intake.receiver.receive(upload) == Looked(intake.known(upload), new=False)
    assert len(intake.orders) == 1


def test_two_uploads_under_one_key_are_two_images_each_as_it_was() -> None:
    intake = MemoryIntake()
    first, second = intake.upload(JPEG), intake.upload(HTML)
    assert intake.receiver.receive(first).record.processing_status is ProcessingStatus.ACCEPTED
    assert intake.receiver.receive(second).record.processing_status is ProcessingStatus.REFUSED
    assert places(intake) == ["accepted", "previews", "quarantine"]


def test_an_upload_that_was_deleted_before_it_was_read_has_vanished() -> None:
    intake = MemoryIntake()
    upload = intake.upload(JPEG)
    intake.bucket.delete(upload.key, upload.version)
    looked = intake.receiver.receive(upload)
    assert looked.record.processing_status is ProcessingStatus.VANISHED
    assert (looked.record.file_size, looked.record.image_format) == (len(JPEG), "unknown")
    assert places(intake) == []
    assert intake.receiver.receive(upload) == Looked(looked.record, new=False)


def test_an_upload_that_is_deleted_while_it_is_refused_has_vanished() -> None:
    intake = MemoryIntake()

    def accept(data: bytes) -> None:
        intake.bucket.purge("uploads/1/cat.jpg")
        hostile_accept(data)

    hostile_accept = MemoryIntake().receiver.accept
    intake.accept = accept  # type: ignore[assignment]
    intake.__post_init__()
    record = intake.receiver.receive(intake.upload(HTML)).record
    assert record.processing_status is ProcessingStatus.VANISHED
    assert places(intake) == []


def test_who_is_overtaken_takes_back_what_it_wrote() -> None:
    intake = MemoryIntake()
    faster = MemoryIntake(world=intake.world, table=intake.table)
    upload = intake.upload(JPEG)
    done: list[Looked] = []

    def overtaken(step: str) -> None:
        if step == "put":
            intake.watch(lambda _: None)
            done.append(faster.receiver.receive(upload))

    intake.watch(overtaken)
    looked = intake.receiver.receive(upload)
    assert (looked.record, looked.new) == (done[0].record, False)
    assert all(len(versions) == 1 for versions in intake.world.objects.values())
    assert places(intake) == ["accepted", "previews"]


def test_a_second_look_at_what_was_forgotten_meanwhile_leaves_nothing() -> None:
    intake = MemoryIntake(Corner(), keep_originals=True)
    upload = intake.upload(JPEG)

    def forgotten(step: str) -> None:
        if step == "put":
            intake.watch(lambda _: None)
            intake.images.add(
                ImageRecord(
                    image_id=upload.image_id,
                    timestamp=TIME,
                    processing_status=ProcessingStatus.FORGOTTEN,
                    file_size=0,
                    image_format="jpeg",
                )
            )

    intake.watch(forgotten)
    assert intake.receiver.receive(upload).record.processing_status is ProcessingStatus.FORGOTTEN
    assert intake.world.objects == {}
    assert intake.orders == []


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_hidden_is_hidden_everywhere_but_in_the_originals(kept: bool) -> None:
    intake = MemoryIntake(Corner(), keep_originals=kept)
    upload = intake.upload(JPEG, metadata={"user": "alice"})
    record = intake.receiver.receive(upload).record
    clean = intake.world.now("images")[f"accepted/{upload.image_id}.jpeg"]
    assert record.redaction
    assert (record.redaction.engine, len(record.redaction.regions)) == ("corner/1", 1)
    assert record.redaction.original_sha256 == record.upload_hash == sha256(JPEG).hexdigest()
    assert record.redaction.redacted_sha256 == record.content_hash == sha256(clean).hexdigest()
    assert JPEG not in intake.world.now("images").values()
    assert intake.world.now("originals") == ({upload.image_id: JPEG} if kept else {})
    assert record.original == (f"s3://originals/{upload.image_id}" if kept else None)
    if kept:
        (stored,) = intake.world.objects[Location("originals", upload.image_id)]
        assert stored.metadata == {"user": PSEUDONYMS.of("alice")}


def test_an_image_that_cannot_be_redacted_now_waits_unseen() -> None:
    intake = MemoryIntake(Busy(), keep_originals=True)
    upload = intake.upload(JPEG)
    with pytest.raises(Unavailable):
        intake.receiver.receive(upload)
    assert intake.world.now("images") == {"uploads/1/cat.jpg": JPEG}
    assert intake.world.now("originals") == {}
    assert intake.table.items == {}


def fresh(kind: str) -> tuple[MemoryIntake, Upload]:
    """Return intake with one upload of a kind."""
    intake = MemoryIntake(Corner() if kind == "redacted" else None, kind == "redacted")
    data = HTML if kind == "refused" else JPEG
    upload = intake.upload(data, metadata={"user": "alice"})
    if kind == "vanished":
        intake.bucket.delete(upload.key, upload.version)
    return intake, upload


@pytest.mark.parametrize("kind", ["accepted", "redacted", "refused", "vanished"])
def test_after_a_crash_at_any_step_nothing_is_lost_and_nothing_is_left(kind: str) -> None:
    whole, upload = fresh(kind)
    steps = Crashing()
    whole.watch(steps)
    expected = whole.receiver.receive(upload)
    for fatal in range(steps.count):
        intake, upload = fresh(kind)
        intake.watch(Crashing(fatal))
        news = 0
        with pytest.raises(Crash):
            intake.receiver.receive(upload)
        intake.watch(lambda _: None)
        for _ in range(2):
            looked = intake.receiver.receive(upload)
            news += looked.new
            assert looked.record == expected.record
        assert news <= 1
        assert intake.table.items == whole.table.items
        for bucket in ("images", "originals"):
            assert intake.world.now(bucket) == whole.world.now(bucket)
        assert {order.key for order in intake.orders} == {order.key for order in whole.orders}
    assert steps.count == {"accepted": 14, "redacted": 16, "refused": 8, "vanished": 4}[kind]
