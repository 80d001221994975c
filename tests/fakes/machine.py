"""A state machine in memory: executions by name, which end when a test says so."""

import json
from collections.abc import Iterator
from typing import Any, cast

from botocore.exceptions import ClientError
from mypy_boto3_stepfunctions import SFNClient

ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:deployment"


class MemoryMachine:
    """Stands for Step Functions with one machine."""

    def __init__(self) -> None:
        self.executions: dict[str, dict[str, Any]] = {}

    @property
    def client(self) -> SFNClient:
        return cast("SFNClient", self)

    def end(self, arn: str, status: str = "FAILED") -> None:
        self.executions[arn]["status"] = status

    def start_execution(self, **given: str) -> dict[str, Any]:
        arn = f"{given['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{given['name']}"
        known = self.executions.get(arn)
        if known and (known["status"] != "RUNNING" or known["input"] != given["input"]):
            raise _error("ExecutionAlreadyExists", "StartExecution")
        execution = {"executionArn": arn, "name": given["name"], "input": given["input"]}
        self.executions[arn] = known or {**execution, "status": "RUNNING"}
        return {"executionArn": arn}

    def describe_execution(self, **given: str) -> dict[str, Any]:
        if given["executionArn"] not in self.executions:
            raise _error("ExecutionDoesNotExist", "DescribeExecution")
        return self.executions[given["executionArn"]]

    def get_paginator(self, operation: str) -> "MemoryMachine":
        assert operation == "list_executions"
        return self

    def paginate(self, **given: str) -> Iterator[dict[str, Any]]:
        wanted = given["statusFilter"]
        found = [each for each in self.executions.values() if each["status"] == wanted]
        yield {"executions": found[::-1]}

    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(each["input"]) for each in self.executions.values()]


def _error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)
