"""Requests of a transform job to one of its instances."""

import http.client
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from visionml.local.sagemaker.core import Document

_FIRST_PAUSE_SECONDS = 0.1
_AGAIN = (429,)
_PARAMETERS_SECONDS = 5.0


class Unanswered(Exception):
    """The container gave no answer that can be used, after all tries.

    The text is for the job's data log; `client` tells whether the container blames the request.
    """

    def __init__(self, message: str, *, client: bool, detail: str = "") -> None:
        super().__init__(message)
        self.client, self.detail = client, detail


@dataclass(frozen=True)
class Client:
    """How requests are made; used by several threads."""

    port: int
    headers: Mapping[str, str]
    timeout_seconds: float
    retries: int
    stopping: threading.Event

    def invoke(self, payload: bytes) -> bytes:
        """Return the answer to a payload.

        Raises
        ------
        Unanswered
            There is none, or only errors: again after those of the server, 429 and silence.
        """
        left, pause = self.retries, _FIRST_PAUSE_SECONDS
        while True:
            try:
                status, answer = self._post(payload)
            except (OSError, http.client.HTTPException) as error:
                text = "Unable to get response from algorithm"
                failure = Unanswered(text, client=False, detail=str(error))
            else:
                if 200 <= status < 300:
                    return answer
                failure = _refused(status, answer)
                if failure.client and status not in _AGAIN:
                    raise failure
            if not left or self.stopping.wait(pause):
                raise failure
            left, pause = left - 1, pause * 2

    def _post(self, payload: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=self.timeout_seconds
        )
        try:
            connection.request("POST", "/invocations", payload, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def execution_parameters(port: int) -> Document:
    """Return what a container says of itself at ``/execution-parameters``, if it does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PARAMETERS_SECONDS)
    try:
        connection.request("GET", "/execution-parameters")
        answer = connection.getresponse()
        said = json.loads(answer.read()) if answer.status == 200 else {}
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return said if isinstance(said, dict) else {}


def stamp() -> str:
    """Return the present time as the data log writes it."""
    seconds = time.time()
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{moment}.{int(seconds % 1 * 1000):03d}"


def _refused(status: int, answer: bytes) -> Unanswered:
    client = 400 <= status < 500
    text = (
        f"ClientError: {status}" if client else f"Bad HTTP status received from algorithm: {status}"
    )
    return Unanswered(text, client=client, detail=answer.decode("utf-8", "replace"))
