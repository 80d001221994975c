"""Predictions made later: taken from callers to the stream, and from the stream to the table."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from visionml.contracts.inference import InferenceRequest, PredictionState
from visionml.errors import RequestRefused, Unavailable
from visionml.serving.adapter import Inferred
from visionml.serving.payload import Payload
from visionml.serving.predictions import Predictions
from visionml.serving.statuses import status_of
from visionml.serving.sticky import pseudonym
from visionml.serving.uploads import Uploaded

GIVE_UP = timedelta(minutes=30)
"""How old a request may become while the endpoint cannot answer."""


def submit(
    asked: Payload | str,
    *,
    uploaded: Uploaded,
    predictions: Predictions,
    send: Callable[[InferenceRequest], None],
    caller: str = "",
) -> PredictionState:
    """Keep an image, or take the address of one, and ask for its prediction.

    The stream is told a pseudonym of the `caller`.

    Raises
    ------
    RequestRefused
        422: the address is none of ours.
    Unavailable
        The request could not be passed on; nothing was promised.
    """
    if isinstance(asked, str):
        uploaded.check(asked)
        address = asked
    else:
        address = uploaded.keep(asked.body, asked.content_type)
    state = predictions.accept(uuid.uuid4().hex)
    send(
        InferenceRequest(
            prediction_id=state.prediction_id,
            s3=address,
            time=datetime.now(UTC),
            caller=pseudonym(caller),
        )
    )
    return state


def fulfil(
    request: InferenceRequest,
    *,
    predictions: Predictions,
    infer: Callable[[InferenceRequest], Inferred],
    now: datetime,
) -> Inferred | None:
    """Make a prediction that is still pending, and settle it; None if there is none to tell of.

    A stream may hand over a request twice: whoever settles it first has made it.

    Raises
    ------
    Unavailable
        The endpoint cannot answer now, and the request is young enough to wait.
    """
    try:
        if predictions.get(request.prediction_id).status != "pending":
            return None
    except RequestRefused:  # forgotten: nobody can collect it any more
        return None
    try:
        made = infer(request)
    except RequestRefused as error:
        predictions.settle(request.prediction_id, status_of(error)[1].error)
        return None
    except Unavailable as error:
        if now - request.time < GIVE_UP:
            raise
        predictions.settle(request.prediction_id, status_of(error)[1].error)
        return None
    return made if predictions.settle(request.prediction_id, made.prediction) else None
