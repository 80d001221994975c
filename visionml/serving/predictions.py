"""Predictions that somebody asked for and will collect, in a table that forgets them."""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from visionml.aws.table import Item, Table
from visionml.contracts.inference import (
    ErrorDetail,
    InferenceEvent,
    Prediction,
    PredictionState,
)
from visionml.errors import Conflict, InvalidInput, RequestRefused

TTL_ATTRIBUTE = "expirationTime"
"""When DynamoDB forgets an item of the table, in seconds since the epoch."""
_SORT = "STATE"
_DAY_SECONDS = 86_400
_AT_ONCE = 100
"""Writes of a transaction."""
_PENDING = {"status": "pending"}


class Kept(NamedTuple):
    """What the table knows of a prediction beside what its caller is told."""

    state: PredictionState
    request: str = ""
    """The fingerprint of the request that it was settled for; "" while it is pending."""
    record: str = ""
    """Where that request lay in its stream."""
    event: InferenceEvent | None = None
    """What monitoring has yet to be told of it."""
    attempts: int = 0
    """How often it could not be made for reasons that nobody knows."""


class Ending(NamedTuple):
    """How a prediction ended, and what is to be kept of that."""

    prediction_id: str
    outcome: Prediction | ErrorDetail
    event: InferenceEvent | None = None
    """What monitoring has to be told of it. It is kept in the same write until it is `published`,
    so that it cannot be forgotten in between."""
    request: str = ""
    """The fingerprint of the request."""
    record: str = ""
    """Where the request lay in its stream."""


class Predictions:
    """Each is pending until it is settled, which happens once."""

    def __init__(self, table: Table, *, days: int, clock: Callable[[], float] = time.time) -> None:
        """Keep predictions for `days` after they were last written."""
        self._table, self._days, self._clock = table, days, clock

    def accept(self, prediction_id: str) -> PredictionState:
        """Note that somebody will collect a prediction."""
        state = PredictionState(prediction_id=prediction_id, status="pending")
        self._table.put(self.item(state), expected={"PK": None})
        return state

    def get(self, prediction_id: str) -> PredictionState:
        """Return what is known of a prediction.

        Raises
        ------
        RequestRefused
            404: nothing, or nothing any more.
        """
        kept = self.find(prediction_id)
        if kept is None:
            raise RequestRefused(
                f"There is no prediction {prediction_id[:64]!r}.",
                code="unknown_prediction",
                status=404,
                hint=f"Predictions are kept for {self._days} days.",
            )
        return kept.state

    def find(self, prediction_id: str) -> Kept | None:
        """Return all that the table knows of a prediction, or None."""
        return self._kept(self._table.get(_partition(prediction_id), _SORT))

    def find_all(self, prediction_ids: Iterable[str]) -> dict[str, Kept | None]:
        """Return the same of several predictions, by their ids."""
        keys = {each: (_partition(each), _SORT) for each in prediction_ids}
        found = self._table.get_all(keys.values())
        return {each: self._kept(found.get(key)) for each, key in keys.items()}

    def _kept(self, item: Item | None) -> Kept | None:
        # DynamoDB deletes what has expired some days later
        if item is None or item[TTL_ATTRIBUTE] <= self._clock():
            return None
        event = item.get("event")
        return Kept(
            PredictionState.model_validate(item),
            str(item.get("request", "")),
            str(item.get("record", "")),
            None if event is None else InferenceEvent.model_validate_json(event),
            int(item.get("attempts", 0)),
        )

    def settle(self, ending: Ending) -> bool:
        """Write how a prediction ended, and return whether it was pending until now."""
        try:
            self._table.put(self._ended(ending), expected=_PENDING)
        except Conflict:
            return False
        return True

    def settle_all(self, endings: Sequence[Ending]) -> list[bool]:
        """Do the same with several predictions, each of another id, in as few calls as can be."""
        settled: list[bool] = []
        for start in range(0, len(endings), _AT_ONCE):
            together = endings[start : start + _AT_ONCE]
            try:
                self._table.put_together(
                    [self._ended(each) for each in together], expected=_PENDING
                )
            except (Conflict, InvalidInput):  # one is not pending, or they are too large together
                settled += [self.settle(each) for each in together]
            else:
                settled += [True] * len(together)
        return settled

    def _ended(self, ending: Ending) -> Item:
        outcome, event = ending.outcome, ending.event
        state = PredictionState(
            prediction_id=ending.prediction_id,
            status="done" if isinstance(outcome, Prediction) else "failed",
            prediction=outcome if isinstance(outcome, Prediction) else None,
            error=outcome if isinstance(outcome, ErrorDetail) else None,
        )
        more: Item = {"request": ending.request, "record": ending.record}
        if event is not None:
            more["event"] = event.model_dump_json()
        return {**self.item(state), **{name: value for name, value in more.items() if value}}

    def published(self, prediction_ids: Sequence[str]) -> None:
        """Note that monitoring was told of predictions."""
        keys = [(_partition(each), _SORT) for each in prediction_ids]
        for start in range(0, len(keys), _AT_ONCE):
            together = keys[start : start + _AT_ONCE]
            try:
                self._table.remove_together(together, "event")
            except Conflict:  # one is forgotten, or opened again: the others are not
                self._one_by_one(together)

    def _one_by_one(self, keys: Sequence[tuple[str, str]]) -> None:
        for each in keys:
            with contextlib.suppress(Conflict):
                self._table.update(*each, facts={"event": None})

    def attempted(self, prediction_id: str, *, attempts: int) -> None:
        """Note how often a pending prediction could not be made."""
        try:
            self._table.update(
                _partition(prediction_id),
                _SORT,
                facts={"attempts": attempts},
                expected={"status": "pending"},
            )
        except Conflict:
            return  # it was settled meanwhile

    def reopen(self, prediction_id: str) -> bool:
        """Make a failed prediction pending again, and return whether it was a failed one."""
        facts: Item = dict.fromkeys(("error", "request", "record", "attempts"))
        try:
            self._table.update(
                _partition(prediction_id),
                _SORT,
                facts={"status": "pending", **facts},
                expected={"status": "failed"},
            )
        except Conflict:
            return False
        return True

    def forget(self, prediction_id: str) -> None:
        """Delete what is known of a prediction; one that is unknown is no error."""
        self._table.delete(_partition(prediction_id), _SORT)

    def item(self, state: PredictionState) -> Item:
        """Return what the table holds of a prediction, for those who write many at once."""
        return {
            **state.model_dump(mode="json", exclude_none=True),
            "PK": _partition(state.prediction_id),
            "SK": _SORT,
            TTL_ATTRIBUTE: int(self._clock()) + self._days * _DAY_SECONDS,
        }


def _partition(prediction_id: str) -> str:
    return f"PREDICTION#{prediction_id}"
