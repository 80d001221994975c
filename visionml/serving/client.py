"""The caller's client of the inference API."""

import urllib3
from pydantic import ValidationError

from visionml.contracts.inference import Prediction
from visionml.errors import AccessDenied, Unavailable, VisionmlError
from visionml.imaging.header import read_header
from visionml.serving.statuses import RETRIED, error_of

_KEY_HINT = "Pass the API's key; `visionml deploy` prints where it is."


class InferenceApi:
    """``POST /inference`` of one deployment; safe to share between threads."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        ca_bundle: str | None = None,
        timeout_seconds: float = 30.0,
        retries: int = 4,
        backoff_seconds: float = 0.2,
    ) -> None:
        """Connect on first use to the stage at `url`, such as ``https://.../v1``."""
        self._url = url.rstrip("/") + "/inference"
        self._headers = {"x-api-key": key, "Accept": "application/json"}
        self._http = urllib3.PoolManager(
            ca_certs=ca_bundle,
            maxsize=32,
            timeout=urllib3.Timeout(connect=5, read=timeout_seconds),
            retries=urllib3.Retry(
                total=retries,
                status_forcelist=RETRIED,
                allowed_methods=None,  # a prediction changes nothing, so POST may be repeated
                backoff_factor=backoff_seconds,
                backoff_jitter=backoff_seconds,
                raise_on_status=False,
            ),
        )

    def predict(self, image: bytes, *, content_type: str | None = None) -> Prediction:
        """Return the prediction for a JPEG, PNG or WebP image.

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
        kind = content_type or f"image/{read_header(image).format}"
        headers = {**self._headers, "Content-Type": kind}
        try:
            response = self._http.request("POST", self._url, body=image, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(
                f"Could not reach {self._url}: {error}.",
                hint="Check the address and the network; `visionml local status` for the "
                "embedded AWS.",
            ) from error
        if response.status == 403:
            raise AccessDenied(f"{self._url} refused the key.", hint=_KEY_HINT)
        if response.status != 200:
            raise error_of(response.status, response.data)
        try:
            return Prediction.model_validate_json(response.data)
        except ValidationError as error:
            raise VisionmlError(
                f"{self._url} answered something other than a prediction.",
                hint="Check the address: it must be the API's stage.",
            ) from error
