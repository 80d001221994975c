"""Step Functions' Batch tasks: ``batch:submitJob``, with ``.sync``, and ``aws-sdk:batch:*``.

Calls are made as the state machine's role. As on AWS a ``.sync`` task learns of the job's end by an
event, so the role needs the rights on that rule and none to describe jobs.
"""

import json
from typing import Any

from visionml.errors import AccessDenied
from visionml.local import ministack
from visionml.local.batch import wire
from visionml.local.batch.core import Job
from visionml.local.batch.faults import Fault
from visionml.local.batch.service import Service
from visionml.local.sagemaker.core import Caller, Document, Scope
from visionml.local.steps import pascal

_OPTIMIZED = "arn:aws:states:::batch:"
_SDK = "arn:aws:states:::aws-sdk:batch:"
_MARK = {"name": "MANAGED_BY_AWS", "value": "STARTED_BY_STEP_FUNCTIONS"}
_RULE = "rule/StepFunctionsGetEventsForBatchJobsRule"
_MODELLED = ("ClientException", "ServerException")
_ABANDONED = "The Step Functions task was abandoned."
_POLL_SECONDS = 0.1


def install(service: Service) -> None:
    """Serve the tasks."""
    tasks = Tasks(service)
    ministack.register_task_integration(f"{_OPTIMIZED}submitJob", tasks.submit)
    ministack.register_task_integration(_SDK, tasks.sdk)


class Tasks:
    """Runs tasks against a Batch service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def submit(self, resource: str, parameters: Any) -> Any:
        """Run ``batch:submitJob``; with ``.sync``, wait for the job and describe it."""
        _, _, pattern = resource.removeprefix(_OPTIMIZED).partition(".")
        if pattern not in ("", "sync"):
            raise ministack.execution_error(
                "States.Runtime", f"The resource {resource} is not one of Step Functions'."
            )
        caller = Caller.of_machine()
        if pattern:
            _check_rule(caller.scope)
        request = wire.lowered("SubmitJob", parameters)
        if isinstance(request, dict):
            overrides = dict(request.get("containerOverrides") or {})
            overrides["environment"] = [*overrides.get("environment", []), _MARK]
            request = {**request, "containerOverrides": overrides}
        answer = self._call("SubmitJob", request, caller, other="AWSBatchException")
        return (
            self._finished(answer["jobId"], caller) if pattern else _answered("SubmitJob", answer)
        )

    def sdk(self, resource: str, parameters: Any) -> Any:
        """Run ``aws-sdk:batch:anyOperation``."""
        operation = pascal(resource.removeprefix(_SDK))
        if not wire.has_operation(operation):
            raise ministack.execution_error("States.Runtime", f"Batch has no {operation}.")
        request = wire.lowered(operation, parameters)
        return _answered(
            operation, self._call(operation, request, Caller.of_machine(), "BatchException")
        )

    def _call(self, operation: str, request: Any, caller: Caller, other: str) -> Document:
        try:
            return self._service.call(operation, wire.checked(operation, request), caller)
        except Fault as fault:
            name = fault.code if fault.code in _MODELLED else other
            raise ministack.execution_error(f"Batch.{name}", _cause(fault)) from fault

    def _finished(self, job_id: str, caller: Caller) -> Any:
        job = self._service.world.state.job(caller.scope, job_id)
        if job is None:
            raise ministack.execution_error("States.TaskFailed", "The job is gone.")
        while not job.ended.wait(_POLL_SECONDS):
            if ministack.task_abandoned():
                self._abandon(job, caller)
                raise ministack.execution_error("States.Timeout", _ABANDONED)
        with self._service.world.state.lock:
            described = job.described()
        result = wire.raised("DescribeJobs", {"jobs": [wire.job_detail(described)]})["Jobs"][0]
        if job.status != "SUCCEEDED":
            raise ministack.execution_error("States.TaskFailed", json.dumps(result))
        return result

    def _abandon(self, job: Job, caller: Caller) -> None:
        try:
            request = {"jobId": job.id, "reason": _ABANDONED}
            self._service.call("TerminateJob", request, caller)
        except Fault:  # the role may not: the job goes on, as on AWS
            return


def _check_rule(scope: Scope) -> None:
    """Ask for what AWS asks when a machine with a ``.sync`` task is created."""
    arn = f"arn:aws:events:{scope.region}:{scope.account}:{_RULE}"
    role = ministack.execution_role()
    try:
        for action in ("events:PutTargets", "events:PutRule", "events:DescribeRule"):
            ministack.enforce(role, action, arn)
    except AccessDenied as denied:
        cause = f"'{role}' is not authorized to create managed-rule. {denied.message}"
        raise ministack.execution_error("States.TaskFailed", cause) from denied


def _answered(operation: str, answer: Document) -> Any:
    return wire.raised(operation, json.loads(wire.answer(operation, answer)))


def _cause(fault: Fault) -> str:
    return (
        f"{fault.message} (Service: AWSBatch; Status Code: {fault.status}; "
        f"Error Code: {fault.code})"
    )
