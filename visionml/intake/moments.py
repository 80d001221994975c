"""Times as the images table holds them."""

from datetime import UTC, datetime


def moment(time: datetime) -> datetime:
    """Return a time as records have it: in UTC and to the second, so that its text sorts."""
    return time.astimezone(UTC).replace(microsecond=0)


def moment_text(time: datetime) -> str:
    """Return a record's time as the table holds it."""
    return moment(time).isoformat().replace("+00:00", "Z")
