"""What a message of the queue tells."""

import json
from typing import Any

import pytest

from tests.fakes import events
from tests.fakes.image_records import TIME
from visionml.contracts.images import image_id
from visionml.errors import InvalidInput
from visionml.intake.messages import Upload, upload_of

BODY = str(events.load("receiver.upload")["Records"][0]["body"])
KEY, VERSION = "uploads/7f3c/alice-on-holiday.jpg", "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"


def changed(**changes: Any) -> str:
    event = json.loads(BODY)
    event["detail"]["object"] |= {k.replace("_", "-"): v for k, v in changes.items()}
    return json.dumps(event)


def test_an_event_names_one_version_of_one_object() -> None:
    upload = upload_of(BODY, bucket="images")
    assert upload == Upload("images", KEY, VERSION, TIME, 48211)
    assert upload.image_id == image_id("images", KEY, VERSION)
    assert upload.address == f"s3://images/{KEY}"


def test_a_key_is_taken_as_it_stands() -> None:
    key = "uploads/50%25+ü \n.jpg"
    assert upload_of(changed(key=key), bucket="images").key == key


@pytest.mark.parametrize(
    "body",
    [
        "",
        "alice",
        "[]",
        '{"time": "alice"}',
        changed(version_id=None),
        changed(version_id=""),
        changed(key="quarantine/alice"),
        changed(key="Uploads/alice"),
        BODY.replace('"name": "images"', '"name": "alice"'),
        BODY.replace("10:15:00Z", "10:15:00"),
    ],
)
def test_what_tells_of_no_upload_is_refused_without_being_repeated(body: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        upload_of(body, bucket="images")
    assert "alice" not in str(raised.value)
