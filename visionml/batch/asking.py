"""The endpoint asked for many images: several with an invocation, as fast as it answers.

What is busy or down is waited for. What fails for other reasons is halved, so that an image that
the endpoint cannot answer is found, and it is given up only where others were answered: an
endpoint that answers nobody is no reason to fail every image.
"""

import time
from collections.abc import Callable, Sequence

from pydantic import TypeAdapter, ValidationError

from visionml.aws.invocation import Invocation
from visionml.batch.outcomes import Answer, Image, Outcome
from visionml.contracts.inference import (
    BatchPrediction,
    ContainerPrediction,
    ErrorBody,
    ErrorDetail,
)
from visionml.errors import InvalidInput, NotServing, RequestRefused, Unavailable, VisionmlError
from visionml.serving import multipart
from visionml.serving.pace import Pace
from visionml.serving.statuses import IMAGE_STATUSES, error_of, status_of

LARGEST_BYTES = 5 * 1024 * 1024
"""Of several images in an invocation: SageMaker's service model names 6 MiB for a body."""
_ANY_IMAGE = "application/x-image"
_ATTEMPTS = 3
"""For an image that is answered with an error while others are answered."""
_ONE = TypeAdapter(ContainerPrediction)

Invoke = Callable[[bytes, str], Invocation]
"""Takes a body and its content type."""


class _Fault(Exception):
    """An invocation failed for its images, or for reasons that nobody knows."""

    def __init__(self, detail: ErrorDetail) -> None:
        super().__init__(detail.message)
        self.detail = detail


class Endpoint:
    """Predicts by invocations, from several threads."""

    def __init__(
        self, invoke: Invoke, *, pace: Pace, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._invoke, self._pace, self._clock = invoke, pace, clock
        self._answers = False
        """Whether anything was answered so far."""

    def predict(self, images: Sequence[Image]) -> list[Outcome]:
        """Return what becomes of each image.

        Raises
        ------
        Unavailable
            The endpoint is busy or down for too long, or answers nobody.
        """
        found: list[Outcome] = []
        for together in _fitting(images):
            found += self._settled(together)
        return found

    def _settled(self, images: Sequence[Image]) -> list[Outcome]:
        faults = 0
        while True:
            self._pace.ready()
            try:
                outcomes = self._called(images)
            except Unavailable as error:
                self._pace.slow(error)
            except _Fault as fault:
                if len(images) > 1:
                    half = len(images) // 2
                    return self._settled(images[:half]) + self._settled(images[half:])
                faults += 1
                if faults >= _ATTEMPTS and self._answers:
                    return [fault.detail]
                self._pace.slow(Unavailable(f"The endpoint answers nothing: {fault}"))
            else:
                self._pace.good()
                return outcomes

    def _called(self, images: Sequence[Image]) -> list[Outcome]:
        started = self._clock()
        try:
            found = self._invoke(*_body(images))
        except InvalidInput as error:  # SageMaker's own, such as of a body that is too large
            raise _Fault(status_of(error)[1].error) from error
        share = round((self._clock() - started) * 1e3 / len(images), 3)
        if found.status != 200:
            refusal = _refusal(found, images)
            self._answers = True
            return [refusal]
        entries = _entries(found.body, images)
        if any(not isinstance(each, ErrorBody) or _final(each.error) for each in entries):
            self._answers = True
        return [
            self._entry(entry, image, found.variant, share)
            for entry, image in zip(entries, images, strict=True)
        ]

    def _entry(
        self, entry: ContainerPrediction | ErrorBody, image: Image, variant: str, share: float
    ) -> Outcome:
        if not isinstance(entry, ErrorBody):
            return Answer(entry, variant, share)
        if _final(entry.error):
            return entry.error
        return self._settled([image])[0]  # it may be answered alone, or another time


def _fitting(images: Sequence[Image]) -> list[list[Image]]:
    found: list[list[Image]] = []
    held = 0
    for image in images:
        held += len(image.content)
        if found and held <= LARGEST_BYTES:
            found[-1].append(image)
        else:
            found.append([image])
            held = len(image.content)
    return found


def _body(images: Sequence[Image]) -> tuple[bytes, str]:
    if len(images) == 1:
        return images[0].content, _ANY_IMAGE
    return multipart.join([image.content for image in images])


def _refusal(found: Invocation, images: Sequence[Image]) -> ErrorDetail:
    """Return why one image is refused; raise what else an answer of no success means."""
    error = error_of(found.status, found.body)
    detail = _detail(error)
    if isinstance(error, NotServing) and detail.code != "timeout":
        raise error
    if len(images) == 1 and _final(detail):
        return detail
    raise _Fault(detail)


def _detail(error: VisionmlError) -> ErrorDetail:
    code = error.code if isinstance(error, RequestRefused | NotServing) else "internal"
    return ErrorDetail(code=code, message=error.message)


def _final(detail: ErrorDetail) -> bool:
    """Return whether it is the image that is refused: asking again does not help."""
    return detail.code in IMAGE_STATUSES


def _entries(body: bytes, images: Sequence[Image]) -> Sequence[ContainerPrediction | ErrorBody]:
    try:
        if len(images) == 1:
            return [_ONE.validate_json(body)]
        found = BatchPrediction.model_validate_json(body).predictions
    except ValidationError:
        found = ()
    if len(found) != len(images):
        raise _Fault(
            ErrorDetail(
                code="endpoint_answer",
                message="The endpoint answered something other than predictions.",
            )
        )
    return found
