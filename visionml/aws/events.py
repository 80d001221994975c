"""Events on the account's default bus."""

from typing import TYPE_CHECKING

from pydantic import BaseModel

from visionml.aws.errors import translated
from visionml.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


def publish(events: "EventBridgeClient", detail: BaseModel, *, source: str, kind: str) -> None:
    """Publish one event; `kind` is its detail type.

    Raises
    ------
    Unavailable
        EventBridge did not take it.
    """
    with translated(f"publish the event {kind!r}"):
        answer = events.put_events(
            Entries=[{"Source": source, "DetailType": kind, "Detail": detail.model_dump_json()}]
        )
    if answer["FailedEntryCount"]:
        refused = answer["Entries"][0]
        raise Unavailable(
            f"EventBridge did not take the event {kind!r}: {refused.get('ErrorCode', '')}: "
            f"{refused.get('ErrorMessage', '')}.",
            hint="Try again in a moment.",
        )
