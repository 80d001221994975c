"""The inference API, called as a customer calls it: an address, a key, an image."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd
import urllib3

from visionml.aws import rest_api
from visionml.contracts.inference import HASH_HEADER, Prediction
from visionml.desks.api_document import completed
from visionml.desks.datasets import Sample
from visionml.desks.platform import Platform
from visionml.errors import InvalidInput, Unavailable
from visionml.serving.client import InferenceApi

_TIMEOUT_SECONDS = 35


class Answer(NamedTuple):
    """What the API answered, whatever it was."""

    status: int
    body: Any

    def told(self) -> dict[str, Any]:
        """Return status, code and message, which API Gateway's own refusals spell otherwise."""
        body = self.body if isinstance(self.body, dict) else {"message": self.body}
        error = {
            name: value for name, value in body.get("error", body).items() if value is not None
        }
        return {"status": self.status, "code": "", **error}


class Api:
    """``POST /inference`` of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def __repr__(self) -> str:
        return f"<Api {self.url}>"

    @cached_property
    def url(self) -> str:
        """The address of the API's stage, above ``/inference``.

        Raises
        ------
        NotFound
            The API is not deployed.
        """
        return self._platform.api_address(self._found.id, self._found.stage)

    @cached_property
    def _found(self) -> rest_api.RestApi:
        return rest_api.find(self._platform.apigateway, self._platform.names.api)

    @cached_property
    def key(self) -> str:
        """The API key of the default usage plan; keep it out of saved output."""
        return rest_api.key_value(self._platform.apigateway, self._platform.names.api)

    @cached_property
    def client(self) -> InferenceApi:
        """The client that a customer's program would use; threads may share it."""
        return InferenceApi(self.url, self.key, ca_bundle=self._platform.ca_bundle)

    def predict(self, image: bytes | Path | str) -> Prediction:
        """Return the prediction for an image, given as bytes or as a file.

        Raises
        ------
        InvalidInput
            The file cannot be read, or the API refused the image; the message says why.
        AccessDenied
            The API key is not accepted.
        Unavailable
            No model is in production yet, or the endpoint is overloaded.
        """
        return self.client.predict(_read(Path(image)) if isinstance(image, str | Path) else image)

    def predict_all(self, samples: Iterable[Sample]) -> pd.DataFrame:
        """Return one row per image: its label, what was predicted, whether that is right."""
        rows = []
        for sample in samples:
            answer = self.predict(sample.content)
            rows.append(
                {
                    "label": sample.entry.label,
                    "predicted": answer.label,
                    "probability": answer.probability,
                    "right": answer.label == sample.entry.label,
                    "latency ms": answer.latency_ms,
                    "variant": answer.variant,
                }
            )
        return pd.DataFrame(rows)

    def ask(
        self,
        body: bytes = b"",
        *,
        content_type: str = "",
        key: str | None = None,
        path: str = "/inference",
        method: str = "POST",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        """Send anything once and return the answer, also a refusal; ``key=""`` sends no key.

        The body is taken for the image and its hash is stated; JSON that holds or names an image
        needs that one's in `headers`.
        """
        headers = {
            "content-type": content_type,
            "accept": "application/json",
            HASH_HEADER: hashlib.sha256(body).hexdigest(),
            **headers,
        }
        sent = self.key if key is None else key
        if sent:
            headers["x-api-key"] = sent
        try:
            answer = self._http.request(
                method, self.url + path, body=body, headers=headers, retries=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(
                f"The API at {self.url} does not answer: {error}.",
                hint="Check the network, or `visionml local status` for the embedded AWS.",
            ) from error
        return Answer(answer.status, _parsed(answer.data))

    def openapi(self, *, anywhere: bool = False) -> dict[str, Any]:
        """Return the OpenAPI document that API Gateway exports of the deployed API.

        It says where this deployment is, unless it is to be true `anywhere`.
        """
        exported = rest_api.export(self._platform.apigateway, self._found)
        return completed(exported, url="" if anywhere else self.url)

    def refusals(self, requests: Mapping[str, tuple[bytes, str]]) -> pd.DataFrame:
        """Return how the API answers to bodies with content types: status, code and message."""
        rows = {
            what: self.ask(body, content_type=content_type).told()
            for what, (body, content_type) in requests.items()
        }
        frame = pd.DataFrame.from_dict(rows, orient="index").fillna("")
        return frame[["status", "code", "message"]].rename_axis("request")

    @cached_property
    def _http(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(ca_certs=self._platform.ca_bundle, timeout=_TIMEOUT_SECONDS)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}.", hint="Give a JPEG, PNG or WebP file."
        ) from error


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
