"""The inference API, called as a customer calls it: an address, a key, an image."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from visionml.contracts.inference import HASH_HEADER, Prediction
from visionml.desks.api_access import Answer, ApiAccess
from visionml.desks.datasets import Sample
from visionml.desks.platform import Platform
from visionml.errors import InvalidInput
from visionml.serving.client import InferenceApi


class Api:
    """``POST /inference`` of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._access = ApiAccess(
            platform, platform.names.api, title="The inference API of visionml"
        )

    def __repr__(self) -> str:
        return f"<Api {self.url}>"

    @property
    def url(self) -> str:
        """The address of the API's stage, above ``/inference``.

        Raises
        ------
        NotFound
            The API is not deployed.
        """
        return self._access.url

    @property
    def key(self) -> str:
        """The API key of the default usage plan; keep it out of saved output."""
        return self._access.key

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
        stated = {"content-type": content_type, HASH_HEADER: hashlib.sha256(body).hexdigest()}
        return self._access.ask(method, path, body, headers={**stated, **headers}, key=key)

    def openapi(self, *, anywhere: bool = False) -> dict[str, Any]:
        """Return the OpenAPI document that API Gateway exports of the deployed API.

        It says where this deployment is, unless it is to be true `anywhere`.
        """
        return self._access.openapi(anywhere=anywhere)

    def refusals(self, requests: Mapping[str, tuple[bytes, str]]) -> pd.DataFrame:
        """Return how the API answers to bodies with content types: status, code and message."""
        rows = {
            what: self.ask(body, content_type=content_type).told()
            for what, (body, content_type) in requests.items()
        }
        frame = pd.DataFrame.from_dict(rows, orient="index").fillna("")
        return frame[["status", "code", "message"]].rename_axis("request")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}.", hint="Give a JPEG, PNG or WebP file."
        ) from error
