"""Answers that were given: what their images really showed."""

import json
import time
from collections.abc import Callable

from visionml.contracts.experiments import ToldTruth, Truth
from visionml.contracts.inference import JSON_TYPE
from visionml.desks.api import Api
from visionml.serving.statuses import error_of

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
        body = Truth(label=label).model_dump_json().encode()
        path = f"/predictions/{prediction_id}/truth"
        while True:
            answer = self._api.ask(body, content_type=JSON_TYPE, path=path)
            if answer.status == 200:
                return ToldTruth.model_validate(answer.body)
            error = error_of(answer.status, json.dumps(answer.body))
            if answer.status != 404 or time.monotonic() > give_up:
                raise error
            sleep(_PAUSE_SECONDS)
