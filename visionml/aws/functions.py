"""Lambda functions that are called for their answer."""

import json
from typing import Any

from visionml.aws.errors import translated
from visionml.aws.session import Aws
from visionml.errors import JobFailed

_LONGEST_SECONDS = 900


def patient(aws: Aws) -> Any:
    """Return a client of Lambda that waits as long as a function may take, and asks once only."""
    return aws.client(
        "lambda",
        read_timeout=_LONGEST_SECONDS + 10,
        retries={"mode": "standard", "total_max_attempts": 1},
    )


def call(client: Any, name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Return a function's answer to an event; `client` is boto3's of Lambda.

    Raises
    ------
    NotFound
        There is no such function.
    JobFailed
        It raised an error, or ran out of time.
    """
    with translated(f"call the function {name}", hint="Deploy the stacks: `visionml deploy`."):
        found = client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        with found["Payload"] as body:
            answer = json.loads(body.read() or b"null")
    if found.get("FunctionError"):
        told = answer if isinstance(answer, dict) else {}
        raise JobFailed(
            f"The function {name} failed: {told.get('errorType', 'Error')}: "
            f"{told.get('errorMessage', '')}",
            hint=f"Its log is /aws/lambda/{name}.",
        )
    return dict(answer or {})
