"""What stands between the API and the endpoint: one image in, one prediction out.

The Lambda handler calls `infer` and answers what `visionml.serving.statuses.status_of` makes of
its errors. Nothing heavy is imported: this runs at every cold start.
"""

import random
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from visionml.aws.invocation import Invocation, invoke
from visionml.contracts.inference import (
    EVENT_SCHEMA,
    ContainerPrediction,
    InferenceEvent,
    MonitoredPrediction,
    Prediction,
)
from visionml.errors import InvalidInput, NotServing, RequestRefused, Unavailable
from visionml.serving.payload import Payload
from visionml.serving.statuses import error_of, status_of

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

__all__ = ["Inferred", "infer", "status_of"]

# API Gateway gives up after 29 s; whoever calls deserves an answer before.
DEADLINE_SECONDS = 20.0
_ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.1
_MONITORING = "monitoring=true"
_ANSWER: TypeAdapter[MonitoredPrediction | ContainerPrediction] = TypeAdapter(
    MonitoredPrediction | ContainerPrediction
)


class Inferred(NamedTuple):
    """What the caller is answered, and what monitoring is told."""

    prediction: Prediction
    event: InferenceEvent


def infer(
    payload: Payload,
    *,
    runtime: "SageMakerRuntimeClient",
    endpoint: str,
    variant: str | None = None,
    prediction_id: str = "",
    deadline_seconds: float = DEADLINE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Inferred:
    """Return the endpoint's prediction for one image, under a new id unless one is given.

    A busy or starting endpoint is asked again, up to three times with growing random pauses,
    while `deadline_seconds` last; an image that was refused is not. Where there is no such
    `variant`, as after a rollout, any other one is asked.

    Raises
    ------
    RequestRefused
        The image or the request is unusable.
    NotServing, Unavailable
        The endpoint is busy, too slow or without a model.
    """
    prediction_id = prediction_id or uuid.uuid4().hex
    give_up = time.monotonic() + deadline_seconds
    for attempt in range(1, _ATTEMPTS + 1):
        started = time.perf_counter()
        try:
            found = invoke(
                runtime,
                endpoint,
                payload.body,
                content_type=payload.content_type,
                variant=variant,
                inference_id=prediction_id,
                attributes=_MONITORING,
            )
            latency_ms = round((time.perf_counter() - started) * 1e3, 3)
            return _inferred(_answer(found), found.variant, payload, prediction_id, latency_ms)
        except Unavailable as error:
            pause = _FIRST_PAUSE_SECONDS * 2**attempt * random.random()  # noqa: S311 - jitter
            if not _worth_retrying(error, attempt) or time.monotonic() + pause > give_up:
                raise
            sleep(pause)
        except InvalidInput as error:
            if not variant or attempt == _ATTEMPTS or isinstance(error, RequestRefused):
                raise
            variant = None
    raise AssertionError("the last attempt returns or raises")


def _worth_retrying(error: Unavailable, attempt: int) -> bool:
    lasting = isinstance(error, NotServing) and error.code in {"no_model", "timeout"}
    return attempt < _ATTEMPTS and not lasting


def _answer(found: Invocation) -> MonitoredPrediction | ContainerPrediction:
    if found.status != 200:
        raise error_of(found.status, found.body)
    try:
        return _ANSWER.validate_json(found.body)
    except ValidationError as error:
        raise Unavailable(
            "The endpoint answered something other than a prediction.",
            hint="Check which container the endpoint runs.",
        ) from error


def _inferred(
    answer: MonitoredPrediction | ContainerPrediction,
    variant: str,
    payload: Payload,
    prediction_id: str,
    latency_ms: float,
) -> Inferred:
    known: dict[str, Any] = {
        "prediction_id": prediction_id,
        "variant": variant,
        "latency_ms": latency_ms,
    }
    told = answer.model_dump(include=set(ContainerPrediction.model_fields))
    return Inferred(
        Prediction(**told, **known),
        InferenceEvent(
            **answer.model_dump(),
            **known,
            schema_version=EVENT_SCHEMA,
            time=datetime.now(UTC),
            image_sha256=payload.image_sha256,
        ),
    )
