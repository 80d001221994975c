"""Answers that were given: what their images really showed."""

import time
from collections.abc import Callable

from visionml.contracts.experiments import ToldTruth
from visionml.desks.api import Api
from visionml.errors import RequestRefused

_PAUSE_SECONDS = 0.3


class Predictions:
    """The answers of an environment's API."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def label(
        self,
        prediction_id: str,
        label: str,
        *,
        patience_seconds: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> ToldTruth:
        """Tell what the image of a prediction really showed.

        An answer is known some seconds after it was given; so long this waits. Telling the same
        label again changes nothing.

        Raises
        ------
        RequestRefused
            No such prediction is known (404), another label was told before (409), or the model
            has no such class (422).
        Unavailable
            The API cannot take it now.
        """
        give_up = time.monotonic() + patience_seconds
        while True:
            try:
                return self._api.client.tell(prediction_id, label)
            except RequestRefused as error:
                if error.status != 404 or time.monotonic() > give_up:
                    raise
            sleep(_PAUSE_SECONDS)
