"""The inference API, called as a customer calls it: an address, a key, an image."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import urllib3

from visionml.aws import rest_api
from visionml.contracts.inference import ErrorBody, Prediction
from visionml.desks.platform import Platform
from visionml.errors import AccessDenied, InvalidInput, Unavailable, VisionmlError

_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
_TIMEOUT_SECONDS = 35
_KINDS: dict[int, type[VisionmlError]] = {
    400: InvalidInput,
    403: AccessDenied,
    413: InvalidInput,
    415: InvalidInput,
    422: InvalidInput,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


class Answer(NamedTuple):
    """What the API answered, whatever it was."""

    status: int
    body: Any


class Api:
    """``POST /inference`` of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def __repr__(self) -> str:
        return f"<Api {self.url}>"

    @cached_property
    def url(self) -> str:
        """The address of ``POST /inference``.

        Raises
        ------
        NotFound
            The API is not deployed.
        """
        found = rest_api.find(self._platform.apigateway, self._platform.names.api)
        return f"{self._platform.api_address(found.id, found.stage)}/inference"

    @cached_property
    def key(self) -> str:
        """The API key of the default usage plan; keep it out of saved output."""
        return rest_api.key_value(self._platform.apigateway, self._platform.names.api)

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(ca_certs=self._platform.ca_bundle, retries=False)

    def ask(
        self, body: bytes, *, content_type: str = "image/png", key: str | None = None
    ) -> Answer:
        """Send any body and return the answer, also when it is a refusal; ``key=""`` sends none."""
        headers = {"content-type": content_type, "accept": "application/json"}
        sent = self.key if key is None else key
        if sent:
            headers["x-api-key"] = sent
        try:
            answer = self._pool.request(
                "POST", self.url, body=body, headers=headers, timeout=_TIMEOUT_SECONDS
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(
                f"The API at {self.url} does not answer: {error}.",
                hint="Check the network, or `visionml local status` for the embedded AWS.",
            ) from error
        return Answer(answer.status, _parsed(answer.data))

    def predict(self, image: bytes | Path | str, *, content_type: str = "image/png") -> Prediction:
        """Return the prediction for an image, given as bytes or as a file.

        Raises
        ------
        InvalidInput
            The API refused the image; the message says why.
        AccessDenied
            The API key is not accepted.
        Unavailable
            No model is in production yet, or the endpoint is overloaded.
        """
        if isinstance(image, str | Path):
            image, content_type = _read(Path(image))
        answer = self.ask(image, content_type=content_type)
        if answer.status == 200:
            return Prediction.model_validate(answer.body)
        raise _KINDS.get(answer.status, VisionmlError)(_sentence(answer))


def _read(path: Path) -> tuple[bytes, str]:
    content_type = _TYPES.get(path.suffix.lower())
    if content_type is None:
        raise InvalidInput(
            f"{path} is not named like an image.", hint=f"Use one of: {', '.join(_TYPES)}."
        )
    try:
        return path.read_bytes(), content_type
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")


def _sentence(answer: Answer) -> str:
    try:
        error = ErrorBody.model_validate(answer.body).error
    except ValueError:  # API Gateway's own refusals look otherwise
        text = answer.body.get("message", "") if isinstance(answer.body, dict) else answer.body
        return f"The API answered {answer.status}: {text}"
    return f"The API answered {answer.status} ({error.code}): {error.message}"
