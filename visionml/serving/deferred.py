"""Predictions made later: taken from callers to the stream."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from visionml.contracts.inference import InferenceRequest, PredictionState
from visionml.serving.payload import Payload
from visionml.serving.predictions import Predictions
from visionml.serving.sticky import pseudonym
from visionml.serving.uploads import Uploaded


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
