"""When scheduled actions are due: ``at(...)``, ``rate(...)`` and ``cron(...)`` expressions."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from visionml.local import ministack
from visionml.local.autoscaling.core import Action
from visionml.local.refusals import Fault

_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")


def check(schedule: str, zone: str | None) -> None:
    """Refuse an expression or a time zone that is not understood.

    Raises
    ------
    Fault
        ``ValidationException``.
    """
    try:
        ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise Fault("ValidationException", f"Unknown timezone: {zone}") from None
    if _AT.fullmatch(schedule) or _RATE.fullmatch(schedule):
        return
    if ministack.next_cron(schedule, datetime.now(UTC)) is None:
        raise Fault("ValidationException", f"Invalid schedule expression: {schedule}")


def due(action: Action, moment: datetime) -> bool:
    """Tell whether an action has to be done by now, and was not."""
    start, end = action.request.get("StartTime"), action.request.get("EndTime")
    if action.over or (start and moment < start) or (end and moment >= end):
        return False
    following = _following(action)
    return following is not None and moment >= following


def done(action: Action, moment: datetime) -> None:
    """Take note that an action was done."""
    action.last = moment
    action.over = bool(_AT.fullmatch(action.request["Schedule"]))


def _following(action: Action) -> datetime | None:
    schedule = action.request["Schedule"]
    zone = ZoneInfo(action.request.get("Timezone", "UTC"))
    if once := _AT.fullmatch(schedule):
        return datetime.fromisoformat(once[1]).replace(tzinfo=zone)
    if rate := _RATE.fullmatch(schedule):
        return action.last + timedelta(**{f"{rate[2]}s": int(rate[1])})
    return ministack.next_cron(schedule, action.last.astimezone(zone))
