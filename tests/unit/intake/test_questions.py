"""What ``GET /images`` may be asked, and how a question goes on."""

import base64
import json

import pytest

from tests.fakes.image_records import accepted
from tests.fakes.table import MemoryTable
from visionml.contracts.images import HASH_INDEX, LABEL_INDEX, STATUS_INDEX, USER_INDEX
from visionml.errors import RequestRefused
from visionml.intake.pseudonyms import Pseudonyms
from visionml.intake.questions import Question, question_of
from visionml.intake.records import KEYS, Images

PSEUDONYMS = Pseudonyms(lambda: "secret")
SHA = "A" * 64


def asked(**parameters: str) -> Question:
    named = {name.rstrip("_"): value for name, value in parameters.items()}
    return question_of(named, pseudonyms=PSEUDONYMS)


def test_the_most_selective_index_is_asked_and_the_others_filter() -> None:
    alice = PSEUDONYMS.of("alice") or ""
    found = asked(sha256=SHA, user="alice", label="cat", status="uncertain")
    assert (found.index_name, found.partition) == (HASH_INDEX, ("UploadHash", "a" * 64))
    assert found.also == {
        "UserID": alice,
        "DetectedAnimal": "cat",
        "ProcessingStatus": "uncertain",
    }
    assert asked(user="alice", label="cat").index_name == USER_INDEX
    assert asked(user=alice).partition == ("UserID", alice)
    assert asked(label="cat", status="organised").index_name == LABEL_INDEX
    assert asked(status="refused").partition == ("ProcessingStatus", "refused")
    assert asked().partition == ("ProcessingStatus", "organised")
    assert (asked().index_name, asked().also, asked().limit) == (STATUS_INDEX, {}, 50)


def test_times_are_compared_in_utc_to_the_second_and_days_are_whole() -> None:
    found = asked(from_="2026-11-20", to="2026-11-20")
    assert found.between == ("2026-11-20T00:00:00Z", "2026-11-20T23:59:59Z")
    found = asked(from_="2026-11-20T10:15:00.5+01:00", to="2026-11-20T10:15:00 01:00")
    assert found.between == ("2026-11-20T09:15:00Z", "2026-11-20T09:15:00Z")
    assert asked().between[0] < "2026-11-20T00:00:00Z" < asked().between[1]


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"colour": "red"}, "colour"),
        ({"status": "lost"}, "status"),
        ({"label": "Cat"}, "label"),
        ({"user": " "}, "user"),
        ({"user": "a" * 257}, "user"),
        ({"sha256": "a" * 63}, "sha256"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"to": "9999-12-31T23:00:00-05:00"}, "to"),
        ({"from": "0001-01-01T00:00:00+23:00"}, "from"),
        ({"from": "2026-11-21", "to": "2026-11-20"}, "from"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "٣"}, "limit"),
        ({"next": "nonsense"}, "next"),
        ({"next": "ä"}, "next"),
        ({"next": base64.b64encode(b"[1, 2, 3]").decode()}, "next"),
        ({"next": base64.b64encode(b"{}").decode()}, "next"),
        ({"next": ""}, "next"),
    ],
)
def test_a_wrong_parameter_is_named(parameters: dict[str, str], name: str) -> None:
    with pytest.raises(RequestRefused, match=f"The parameter {name} .*\\. .*\\.") as raised:
        question_of(parameters, pseudonyms=PSEUDONYMS)
    assert (raised.value.status, raised.value.code) == (400, "invalid_parameter")


def test_a_question_goes_on_with_its_own_token_only() -> None:
    last = (accepted().image_id, "2026-11-20T10:15:00Z")
    token = asked(label="cat").next(last)
    assert asked(label="cat", next=token, limit="3").after == last
    for other in ({"label": "dog"}, {"label": "cat", "status": "organised"}, {}):
        with pytest.raises(RequestRefused):
            asked(**other, next=token)
    forged = json.loads(base64.urlsafe_b64decode(token + "=="))
    forged[1] = "2026-11-20T10:15:00Z' OR 1"
    with pytest.raises(RequestRefused):
        asked(label="cat", next=base64.urlsafe_b64encode(json.dumps(forged).encode()).decode())


def test_pages_show_everything_once_newest_first() -> None:
    images = Images(MemoryTable(KEYS))  # type: ignore[arg-type]
    for number in range(7):
        images.add(accepted(f"{number:032x}", processing_status="organised"))
    seen, parameters = [], {"limit": "3"}
    while True:
        page = images.ask(question_of(parameters, pseudonyms=PSEUDONYMS))
        seen += [int(image.image_id, 16) for image in page.images]
        if page.next is None:
            break
        parameters["next"] = page.next
    assert seen == [6, 5, 4, 3, 2, 1, 0]
