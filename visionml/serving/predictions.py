"""Predictions that somebody asked for and will collect, in a table that forgets them."""

import time
from collections.abc import Callable
from typing import Any

from visionml.aws.table import Table
from visionml.contracts.inference import ErrorDetail, Prediction, PredictionState
from visionml.errors import Conflict, RequestRefused

TTL_ATTRIBUTE = "expirationTime"
"""When DynamoDB forgets an item of the table, in seconds since the epoch."""
_SORT = "STATE"
_DAY_SECONDS = 86_400


class Predictions:
    """Each is pending until it is settled, which happens once."""

    def __init__(self, table: Table, *, days: int, clock: Callable[[], float] = time.time) -> None:
        """Keep predictions for `days` after they were last written."""
        self._table, self._days, self._clock = table, days, clock

    def accept(self, prediction_id: str) -> PredictionState:
        """Note that somebody will collect a prediction."""
        state = PredictionState(prediction_id=prediction_id, status="pending")
        self._table.put(self._item(state), expected={"PK": None})
        return state

    def get(self, prediction_id: str) -> PredictionState:
        """Return what is known of a prediction.

        Raises
        ------
        RequestRefused
            404: nothing, or nothing any more.
        """
        item = self._table.get(_partition(prediction_id), _SORT)
        # DynamoDB deletes what has expired some days later
        if item is None or item[TTL_ATTRIBUTE] <= self._clock():
            raise RequestRefused(
                f"There is no prediction {prediction_id[:64]!r}.",
                code="unknown_prediction",
                status=404,
                hint=f"Predictions are kept for {self._days} days.",
            )
        return PredictionState.model_validate(item)

    def settle(self, prediction_id: str, outcome: Prediction | ErrorDetail) -> bool:
        """Write how a prediction ended, and return whether it was pending until now."""
        state = PredictionState(
            prediction_id=prediction_id,
            status="done" if isinstance(outcome, Prediction) else "failed",
            prediction=outcome if isinstance(outcome, Prediction) else None,
            error=outcome if isinstance(outcome, ErrorDetail) else None,
        )
        try:
            self._table.put(self._item(state), expected={"status": "pending"})
        except Conflict:
            return False
        return True

    def _item(self, state: PredictionState) -> dict[str, Any]:
        return {
            **state.model_dump(mode="json", exclude_none=True),
            "PK": _partition(state.prediction_id),
            "SK": _SORT,
            TTL_ATTRIBUTE: int(self._clock()) + self._days * _DAY_SECONDS,
        }


def _partition(prediction_id: str) -> str:
    return f"PREDICTION#{prediction_id}"
