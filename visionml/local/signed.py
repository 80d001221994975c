"""Requests to an embedded AWS that are none of AWS's own, which boto3 cannot make."""

import http.client
import json
import ssl
from typing import Any

from visionml.errors import Unavailable
from visionml.local.state import State

_TIMEOUT_SECONDS = 30


def ask(running: State, service: str, target: str, body: str) -> tuple[int, dict[str, Any]]:
    """Send a signed request; return the HTTP status and the JSON object that is answered.

    Raises
    ------
    Unavailable
        The embedded AWS does not answer.
    """
    try:
        return _sent(running, service, target, body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable(
            f"The embedded AWS does not answer on {running.endpoint_url}: {error}.",
            hint="`visionml local status` says whether it runs.",
        ) from error


def _sent(running: State, service: str, target: str, body: str) -> tuple[int, dict[str, Any]]:
    from botocore.auth import SigV4Auth  # noqa: PLC0415  (the command line starts without it)
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
    request = AWSRequest("POST", f"{running.endpoint_url}/", headers=headers, data=body)
    credentials = Credentials(running.access_key_id, running.secret_access_key)
    SigV4Auth(credentials, service, running.region).add_auth(request)
    context = ssl.create_default_context(cafile=running.ca_certificate)
    connection = http.client.HTTPSConnection(
        "127.0.0.1", running.port, timeout=_TIMEOUT_SECONDS, context=context
    )
    try:
        connection.request("POST", "/", body=body, headers=dict(request.headers.items()))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
