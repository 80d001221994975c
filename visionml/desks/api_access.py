"""One of the platform's REST APIs: where it is, its key, and what anybody may send it."""

import json
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import urllib3

from visionml.aws import rest_api
from visionml.desks.api_document import completed
from visionml.desks.platform import Platform
from visionml.errors import Unavailable

_AT_ONCE = 16
"""Connections that are kept: desks ask from several threads."""
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


class ApiAccess:
    """The API of a name, which its key has too."""

    def __init__(self, platform: Platform, name: str, *, title: str = "") -> None:
        """Take the API's name in AWS, and the title of its document."""
        self._platform, self.name, self._title = platform, name, title

    def __repr__(self) -> str:
        return f"<ApiAccess {self.name}>"

    @cached_property
    def url(self) -> str:
        """The address of the API's stage, without a final slash.

        Raises
        ------
        NotFound
            The API is not deployed.
        """
        return self._platform.api_address(self._found.id, self._found.stage)

    @cached_property
    def key(self) -> str:
        """The API key of the default usage plan; keep it out of saved output."""
        return rest_api.key_value(self._platform.apigateway, self.name)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        key: str | None = None,
    ) -> Answer:
        """Send anything once and return the answer, also a refusal; ``key=""`` sends no key.

        Raises
        ------
        Unavailable
            Nothing answers.
        """
        sent = self.key if key is None else key
        headers = {"accept": "application/json", **headers}
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
        return completed(exported, title=self._title, url="" if anywhere else self.url)

    @cached_property
    def _found(self) -> rest_api.RestApi:
        return rest_api.find(self._platform.apigateway, self.name)

    @cached_property
    def _http(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(
            ca_certs=self._platform.ca_bundle, timeout=_TIMEOUT_SECONDS, maxsize=_AT_ONCE
        )


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
