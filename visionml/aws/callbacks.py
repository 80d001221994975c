"""Tokens that Step Functions tasks wait for."""

import json
from typing import TYPE_CHECKING, Any

from visionml.aws.errors import translated
from visionml.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class Callbacks:
    """Returns tokens; one that nobody waits for any more is no error."""

    def __init__(self, client: "SFNClient") -> None:
        self._client = client

    def succeed(self, token: str, output: dict[str, Any]) -> bool:
        """Let the waiting task end with a result; tell whether it was still waiting."""
        try:
            with translated("return a task's token"):
                self._client.send_task_success(taskToken=token, output=json.dumps(output))
        except NotFound:
            return False
        return True

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        """Let the waiting task fail; tell whether it was still waiting."""
        try:
            with translated("return a task's token"):
                self._client.send_task_failure(taskToken=token, error=error, cause=cause)
        except NotFound:
            return False
        return True
