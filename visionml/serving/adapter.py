"""What stands between the API and the endpoint: one image in, one prediction out.

The Lambda handler calls `infer` and answers what `visionml.serving.statuses.status_of` makes of
its errors. Nothing heavy is imported: this runs at every cold start.
"""

import random
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import ValidationError

from visionml.aws.invocation import Invocation, invoke
from visionml.contracts.inference import ContainerPrediction, Prediction
from visionml.errors import NotServing, Unavailable
from visionml.serving.statuses import error_of, status_of

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

__all__ = ["infer", "status_of"]

# API Gateway gives up after 29 s; whoever calls deserves an answer before.
DEADLINE_SECONDS = 20.0
_ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.1


def infer(
    image: bytes,
    content_type: str,
    *,
    runtime: "SageMakerRuntimeClient",
    endpoint: str,
    variant: str | None = None,
    deadline_seconds: float = DEADLINE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Prediction:
    """Return the endpoint's prediction for one image, or for JSON that holds one in base64.

    A busy or starting endpoint is asked again, up to three times with growing random pauses,
    while `deadline_seconds` last; an image that was refused is not.

    Raises
    ------
    RequestRefused
        The image or the request is unusable.
    NotServing, Unavailable
        The endpoint is busy, too slow or without a model.
    """
    prediction_id = uuid.uuid4().hex
    give_up = time.monotonic() + deadline_seconds
    for attempt in range(1, _ATTEMPTS + 1):
        started = time.perf_counter()
        try:
            found = invoke(
                runtime,
                endpoint,
                image,
                content_type=content_type,
                variant=variant,
                inference_id=prediction_id,
            )
            return _prediction(found, prediction_id, (time.perf_counter() - started) * 1e3)
        except Unavailable as error:
            pause = _FIRST_PAUSE_SECONDS * 2**attempt * random.random()  # noqa: S311 - jitter
            if not _worth_retrying(error, attempt) or time.monotonic() + pause > give_up:
                raise
            sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _worth_retrying(error: Unavailable, attempt: int) -> bool:
    lasting = isinstance(error, NotServing) and error.code in {"no_model", "timeout"}
    return attempt < _ATTEMPTS and not lasting


def _prediction(found: Invocation, prediction_id: str, latency_ms: float) -> Prediction:
    if found.status != 200:
        raise error_of(found.status, found.body)
    try:
        answer = ContainerPrediction.model_validate_json(found.body)
    except ValidationError as error:
        raise Unavailable(
            "The endpoint answered something other than a prediction.",
            hint="Check which container the endpoint runs.",
        ) from error
    return Prediction(
        **answer.model_dump(),
        prediction_id=prediction_id,
        variant=found.variant,
        latency_ms=round(latency_ms, 3),
    )
