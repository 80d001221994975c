"""What stands between callers and the endpoint: an image in, a prediction out.

The API's handler calls `infer` and answers what `visionml.serving.statuses.status_of` makes of
its errors. Nothing heavy is imported: this runs at every cold start.
"""

import random
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from visionml.aws.invocation import Invocation, invoke
from visionml.contracts.inference import (
    EVENT_SCHEMA,
    BatchPrediction,
    ContainerPrediction,
    ErrorBody,
    ErrorDetail,
    InferenceEvent,
    MonitoredPrediction,
    Prediction,
)
from visionml.errors import InvalidInput, NotServing, RequestRefused, Unavailable
from visionml.serving import multipart
from visionml.serving.payload import Payload
from visionml.serving.statuses import error_of, status_of

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

__all__ = ["Inferred", "infer", "infer_together", "status_of"]

_Answer = TypeVar("_Answer")
_Entry = MonitoredPrediction | ContainerPrediction | ErrorBody

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
    answered = _asked(
        payload.body,
        payload.content_type,
        runtime=runtime,
        endpoint=endpoint,
        variant=variant,
        inference_id=prediction_id,
        deadline_seconds=deadline_seconds,
        sleep=sleep,
        read=_ANSWER.validate_json,
    )
    return _inferred(answered.answer, answered, payload, prediction_id, answered.milliseconds)


def infer_together(
    payloads: Sequence[Payload],
    prediction_ids: Sequence[str],
    *,
    runtime: "SageMakerRuntimeClient",
    endpoint: str,
    variant: str | None = None,
    deadline_seconds: float = DEADLINE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Inferred | ErrorDetail]:
    """Return the endpoint's predictions for several images, asked for by one invocation.

    An image that is refused is so alone. The latency of each prediction is an equal share
    of the invocation's, so that it can be compared with that of an image which went alone.

    Raises
    ------
    RequestRefused, NotServing, Unavailable
        As by `infer`, of the request as a whole.
    """
    body, content_type = multipart.join([each.body for each in payloads])
    answered = _asked(
        body,
        content_type,
        runtime=runtime,
        endpoint=endpoint,
        variant=variant,
        inference_id=prediction_ids[0] if len(prediction_ids) == 1 else "",
        deadline_seconds=deadline_seconds,
        sleep=sleep,
        read=partial(_entries, count=len(payloads)),
    )
    share = round(answered.milliseconds / len(payloads), 3)
    return [
        entry.error
        if isinstance(entry, ErrorBody)
        else _inferred(entry, answered, payload, prediction_id, share)
        for entry, payload, prediction_id in zip(
            answered.answer, payloads, prediction_ids, strict=True
        )
    ]


class _Answered(NamedTuple, Generic[_Answer]):
    answer: _Answer
    variant: str
    milliseconds: float


def _asked(
    body: bytes,
    content_type: str,
    *,
    runtime: "SageMakerRuntimeClient",
    endpoint: str,
    variant: str | None,
    deadline_seconds: float,
    sleep: Callable[[float], None],
    read: Callable[[bytes], _Answer],
    inference_id: str,
) -> _Answered[_Answer]:
    give_up = time.monotonic() + deadline_seconds
    for attempt in range(1, _ATTEMPTS + 1):
        started = time.perf_counter()
        try:
            found = invoke(
                runtime,
                endpoint,
                body,
                content_type=content_type,
                variant=variant,
                inference_id=inference_id,
                attributes=_MONITORING,
            )
            milliseconds = round((time.perf_counter() - started) * 1e3, 3)
            return _Answered(_answer(found, read), found.variant, milliseconds)
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


def _answer(found: Invocation, read: Callable[[bytes], _Answer]) -> _Answer:
    if found.status != 200:
        raise error_of(found.status, found.body)
    try:
        return read(found.body)
    except ValidationError as error:
        raise _other() from error


def _entries(body: bytes, *, count: int) -> Sequence[_Entry]:
    found = BatchPrediction.model_validate_json(body).predictions
    if len(found) != count:
        raise _other()
    return found


def _other() -> Unavailable:
    return Unavailable(
        "The endpoint answered something other than a prediction.",
        hint="Check which container the endpoint runs.",
    )


def _inferred(
    answer: MonitoredPrediction | ContainerPrediction,
    answered: _Answered[Any],
    payload: Payload,
    prediction_id: str,
    latency_ms: float,
) -> Inferred:
    known: dict[str, Any] = {
        "prediction_id": prediction_id,
        "variant": answered.variant,
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
