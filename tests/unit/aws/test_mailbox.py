"""What a queue holds that hears a topic and the event bus."""

from datetime import UTC, datetime

from visionml.aws.mailbox import Message, read

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def test_an_event_is_its_detail() -> None:
    event = {
        "detail-type": "Deployment Ended",
        "source": "visionml.deployment",
        "time": "2026-01-01T00:00:00Z",
        "detail": {"outcome": "promoted"},
    }
    assert read(event) == Message("event", MOMENT, "Deployment Ended", {"outcome": "promoted"})


def test_a_notification_is_its_message_parsed_where_it_is_json() -> None:
    notification = {
        "Type": "Notification",
        "Subject": "ALARM",
        "Message": '{"AlarmName": "a"}',
        "Timestamp": "2026-01-01T00:00:00.000Z",
    }
    assert read(notification) == Message("notification", MOMENT, "ALARM", {"AlarmName": "a"})
    words = read({**notification, "Subject": None, "Message": "It is done."})
    assert (words.title, words.body) == ("", "It is done.")
