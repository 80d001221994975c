"""The caller's client of the inference API."""

import hashlib
import json
import random
import time
import uuid
from collections.abc import Callable
from typing import TypeVar

import urllib3
from pydantic import BaseModel, ValidationError

from visionml.contracts.experiments import CALLER_HEADER, ToldTruth, Truth
from visionml.contracts.inference import (
    ATTEMPT_HEADER,
    HASH_HEADER,
    INLINE_IMAGE_BYTES,
    JSON_TYPE,
    ErrorBody,
    Prediction,
    PredictionState,
    Upload,
    UploadRequest,
)
from visionml.errors import AccessDenied, Unavailable, VisionmlError
from visionml.imaging.header import read_header
from visionml.serving.statuses import RETRIED, error_of

_Body = TypeVar("_Body", bound=BaseModel)
_COLLECT_SECONDS = 0.2
_KEY_HINT = "Pass the API's key; `visionml deploy` prints where it is."


class InferenceApi:
    """The API of one deployment; safe to share between threads."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        caller: str = "",
        ca_bundle: str | None = None,
        timeout_seconds: float = 30.0,
        retries: int = 4,
        backoff_seconds: float = 0.2,
    ) -> None:
        """Connect on first use to the stage at `url`, such as ``https://.../v1``.

        A `caller` with a name, in any words, is always answered by the same variant.
        """
        self._url = url.rstrip("/")
        self._headers = {"x-api-key": key, "Accept": "application/json"}
        if caller:
            self._headers[CALLER_HEADER] = caller
        self._http = urllib3.PoolManager(
            ca_certs=ca_bundle,
            maxsize=32,
            timeout=urllib3.Timeout(connect=5, read=timeout_seconds),
            retries=urllib3.Retry(
                total=retries,
                allowed_methods=None,  # a prediction changes nothing, so POST may be repeated
                backoff_factor=backoff_seconds,
                backoff_jitter=backoff_seconds,
                respect_retry_after_header=False,  # statuses are looked at here
            ),
        )
        self._retries, self._backoff_seconds = retries, backoff_seconds

    def predict(self, image: bytes, *, content_type: str | None = None) -> Prediction:
        """Return the prediction for a JPEG, PNG or WebP image.

        One that is too large for a request goes to S3 first.

        With a `content_type` the bytes are sent as they are; without one they are looked at first,
        and what cannot be an image is not sent.

        A busy service (429, 503) is asked again with growing random pauses, or after the time
        that it names.

        Raises
        ------
        ImageRefused
            The bytes are no image that the service takes.
        RequestRefused
            The service refused the request.
        AccessDenied
            The key is missing or unknown.
        NotServing, Unavailable
            The service is busy, without a model or out of reach.
        """
        answer = self._send("/inference", image, content_type)
        return _parsed(Prediction, answer.data, self._url)

    def submit(self, image: bytes, *, content_type: str | None = None) -> str:
        """Ask for the prediction of an image, and return the id under which to `collect` it.

        Raises
        ------
        ImageRefused, RequestRefused, AccessDenied, Unavailable
            As `predict` does.
        """
        answer = self._send("/inference/async", image, content_type)
        return _parsed(PredictionState, answer.data, self._url).prediction_id

    def collect(
        self,
        prediction_id: str,
        *,
        patience_seconds: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Prediction:
        """Wait for a prediction that was asked for, and return it.

        Raises
        ------
        RequestRefused
            There is no such prediction, or its image was refused.
        Unavailable
            It was not made in time.
        """
        give_up = time.monotonic() + patience_seconds
        while True:
            url = f"{self._url}/predictions/{prediction_id}"
            answer = self._checked(self._request("GET", url, None, self._headers), url)
            state = _parsed(PredictionState, answer.data, self._url)
            if state.prediction:
                return state.prediction
            if state.error:
                raise error_of(422, ErrorBody(error=state.error).model_dump_json())
            if time.monotonic() > give_up:
                raise Unavailable(
                    f"The prediction {prediction_id} was not made in {patience_seconds:g} s.",
                    hint="Collect it later.",
                )
            sleep(_COLLECT_SECONDS)

    def tell(self, prediction_id: str, label: str) -> ToldTruth:
        """Tell what the image of a prediction really showed; telling it again changes nothing.

        Raises
        ------
        RequestRefused
            No such prediction is known, or not yet (404), another label was told before (409), or
            the model has no such class (422).
        """
        body = Truth(label=label).model_dump_json().encode()
        path = f"/predictions/{prediction_id}/truth"
        answer = self._post(path, body, {"Content-Type": JSON_TYPE})
        return _parsed(ToldTruth, answer.data, self._url)

    def _send(self, path: str, image: bytes, content_type: str | None) -> urllib3.BaseHTTPResponse:
        kind = content_type or f"image/{read_header(image).format}"
        stated = {HASH_HEADER: hashlib.sha256(image).hexdigest()}
        if len(image) > INLINE_IMAGE_BYTES:
            address = self.upload(image, content_type=kind)
            body, kind = json.dumps({"s3": address}).encode(), JSON_TYPE
        else:
            body = image
        return self._post(path, body, {**stated, "Content-Type": kind})

    def upload(self, image: bytes, *, content_type: str) -> str:
        """Send an image to S3 and return the address that ``POST /inference`` takes for it.

        Raises
        ------
        RequestRefused
            The image is too large even for that, or its type is not served.
        """
        request = UploadRequest.model_construct(content_type=content_type, bytes=len(image))
        body = request.model_dump_json(warnings=False).encode()
        answer = self._post("/uploads", body, {"Content-Type": JSON_TYPE})
        place = _parsed(Upload, answer.data, self._url)
        sent = self._request("PUT", place.url, image, place.headers)
        if sent.status != 200:
            raise error_of(sent.status, sent.data)
        return place.s3

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        url = self._url + path
        return self._checked(self._request("POST", url, body, {**self._headers, **headers}), url)

    def _pause(self, attempt: int, asked: str) -> float:
        """Return how long to wait, at least the seconds that the service asks for."""
        growing: float = self._backoff_seconds * 2**attempt * (0.5 + random.random())  # noqa: S311
        return max(growing, float(asked)) if asked.isdigit() else growing

    @staticmethod
    def _checked(response: urllib3.BaseHTTPResponse, url: str) -> urllib3.BaseHTTPResponse:
        if response.status == 403:
            raise AccessDenied(f"{url} refused the key.", hint=_KEY_HINT)
        if response.status not in {200, 201, 202}:
            raise error_of(response.status, response.data)
        return response

    def _request(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse:
        response = self._once(method, url, body, headers)
        for attempt in range(self._retries):
            if not _worth_another(response):
                break
            time.sleep(self._pause(attempt, response.headers.get("Retry-After", "")))
            again = {**headers, ATTEMPT_HEADER: uuid.uuid4().hex}
            response = self._once(method, url, body, again)
        return response

    def _once(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse:
        try:
            return self._http.request(method, url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(
                f"Could not reach {url.partition('?')[0]}: {error}.",
                hint="Check the address and the network; `visionml local status` for the "
                "embedded AWS.",
            ) from error


def _worth_another(response: urllib3.BaseHTTPResponse) -> bool:
    """Return whether the same request may succeed.

    The hash is right, so whoever is told otherwise is told what another one's request was.
    """
    return response.status in RETRIED or (
        response.status == 400 and b'"hash_mismatch"' in response.data
    )


def _parsed(kind: type[_Body], content: bytes, url: str) -> _Body:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise VisionmlError(
            f"{url} answered something other than expected.",
            hint="Check the address: it must be the API's stage.",
        ) from error
