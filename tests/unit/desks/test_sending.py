"""Every file is sent once: whatever was interrupted, repeated or refused before."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.versions import MemoryVersions
from visionml.contracts.images import image_id
from visionml.desks.sending import Outcome, Sender
from visionml.errors import AccessDenied, NotFound, Unavailable

BUCKET = "images"


def sender(
    objects: MemoryVersions,
    *,
    known: Callable[[str], str | None] = lambda _digest: None,
    user: str = "",
    limit: int = 100,
) -> Sender:
    return Sender(objects, BUCKET, known=known, limit_bytes=limit, user=user)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for number in range(20):
        (tmp_path / f"{number:02}.jpg").write_bytes(f"image {number}".encode())
    return sorted(tmp_path.iterdir())


def test_a_file_lies_under_its_hash_with_its_user_and_nothing_else_of_it(tmp_path: Path) -> None:
    objects, file = MemoryVersions(), tmp_path / "Miez ä.jpg"
    file.write_bytes(b"cat")
    (sent,) = sender(objects, user="u-1").send([file])
    ((version, content),) = objects.stored.items()
    assert version.key == f"uploads/{hashlib.sha256(b'cat').hexdigest()}/Miez-.jpg"
    assert content == b"cat"
    assert objects.metadata[version] == {"user": "u-1"}
    assert sent.outcome == Outcome.SENT
    assert sent.image_id == image_id(BUCKET, version.key, version.version)


def test_outcomes_come_in_the_order_of_the_files_and_progress_counts_them(
    files: list[Path],
) -> None:
    told: list[tuple[int, int]] = []
    sent = sender(MemoryVersions()).send(files, on_progress=lambda *each: told.append(each))
    assert [each.file for each in sent] == [str(file) for file in files]
    assert told == [(number, 20) for number in range(1, 21)]


def test_what_still_waits_for_intake_is_not_sent_again(files: list[Path]) -> None:
    objects = MemoryVersions()
    first = sender(objects).send(files)
    again = sender(objects).send(files)
    assert len(objects.stored) == 20
    assert {each.outcome for each in again} == {Outcome.ON_ITS_WAY}
    assert [each.image_id for each in again] == [each.image_id for each in first]


def test_what_intake_knows_is_not_sent_again(files: list[Path]) -> None:
    objects, digest = MemoryVersions(), hashlib.sha256(b"image 7").hexdigest()
    sent = sender(objects, known={digest: "a" * 32}.get).send(files)
    assert [each.image_id for each in sent if each.outcome == Outcome.KNOWN] == ["a" * 32]
    assert len(objects.stored) == 19


def test_of_equal_files_one_is_sent(tmp_path: Path) -> None:
    objects = MemoryVersions()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(b"same")
    sent = sender(objects).send(sorted(tmp_path.iterdir()))
    assert sorted(each.outcome for each in sent) == ["repeated", "repeated", "sent"]
    assert len({each.image_id for each in sent} - {None}) == 1
    assert all(each.image_id for each in sent)
    assert len(objects.stored) == 1


def test_files_that_cannot_be_sent_are_told_and_stop_nothing(files: list[Path]) -> None:
    files[3].write_bytes(b"x" * 101)
    files[4].unlink()
    busy = hashlib.sha256(b"image 5").hexdigest()

    def throttled(operation: str, address: str) -> None:
        if operation == "put" and busy in address:
            raise Unavailable("Slow down.")

    objects = MemoryVersions(before=throttled)
    sent = sender(objects).send(files)
    assert {each.file[-6:]: each.detail for each in sent if each.outcome == Outcome.NOT_SENT} == {
        "03.jpg": "It has more than 100 bytes, which intake would refuse.",
        "04.jpg": "No such file or directory.",
        "05.jpg": "Slow down.",
    }
    assert len(objects.stored) == 17


@pytest.mark.parametrize("error", [NotFound("no bucket"), AccessDenied("not you")])
def test_what_would_keep_back_every_file_ends_it(files: list[Path], error: Exception) -> None:
    def refuse(operation: str, _address: str) -> None:
        raise error

    with pytest.raises(type(error)):
        sender(MemoryVersions(before=refuse)).send(files)


def test_interrupted_it_stops_and_called_again_it_goes_on(files: list[Path]) -> None:
    go_on = threading.Event()
    first = {f"image {number}".encode() for number in range(3)}
    digests = {hashlib.sha256(content).hexdigest() for content in first}

    def wait(operation: str, address: str) -> None:
        if operation == "put" and address.split("/")[4] not in digests:
            assert go_on.wait(30)

    def interrupt(done: int, _total: int) -> None:
        if done == 3:
            go_on.set()
            raise KeyboardInterrupt

    objects = MemoryVersions(before=wait)
    with pytest.raises(KeyboardInterrupt):
        sender(objects).send(files, on_progress=interrupt)
    before = len(objects.stored)
    assert before < 20
    assert first <= set(objects.stored.values())
    assert not [each for each in threading.enumerate() if each.name.startswith("send")]
    again = sender(objects).send(files)
    assert len(objects.stored) == 20
    assert sum(each.outcome == Outcome.SENT for each in again) == 20 - before
