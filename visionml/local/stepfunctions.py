"""Step Functions' SageMaker tasks: ``sagemaker:createTrainingJob.sync`` and its kin.

A task's call is made as the state machine's role. Errors have the names that Step Functions gives
them: the service's own exceptions, ``SageMaker.AmazonSageMakerException`` for all others, and
``States.TaskFailed`` with the described job as its cause when a ``.sync`` job fails.
"""

import json
from datetime import datetime
from typing import Any

from visionml.local import ministack
from visionml.local.sagemaker import wire
from visionml.local.sagemaker.core import Caller, Document, Store
from visionml.local.sagemaker.faults import Fault
from visionml.local.sagemaker.service import Service
from visionml.local.steps import pascal

_OPTIMIZED = "arn:aws:states:::sagemaker:"
_SDK = "arn:aws:states:::aws-sdk:sagemaker:"
_TASKS = (
    "createTrainingJob",
    "createProcessingJob",
    "createTransformJob",
    "createHyperParameterTuningJob",
    "createModel",
    "createEndpointConfig",
    "createEndpoint",
    "updateEndpoint",
)
_JOBS = (
    "CreateTrainingJob",
    "CreateProcessingJob",
    "CreateTransformJob",
    "CreateHyperParameterTuningJob",
)
_POLL_SECONDS = 0.1


def install(service: Service) -> None:
    """Serve the tasks."""
    tasks = Tasks(service)
    for task in _TASKS:
        ministack.register_task_integration(f"{_OPTIMIZED}{task}", tasks.optimized)
    ministack.register_task_integration(_SDK, tasks.sdk)


class Tasks:
    """Runs tasks against a SageMaker service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def optimized(self, resource: str, parameters: Any) -> Any:
        """Run ``sagemaker:createX``; with ``.sync``, wait for the job and describe it."""
        name, _, pattern = resource.removeprefix(_OPTIMIZED).partition(".")
        operation = pascal(name)
        caller = Caller.of_machine()
        if pattern and (pattern != "sync" or operation not in _JOBS):
            raise ministack.execution_error(
                "States.Runtime", f"The resource {resource} is not one of Step Functions'."
            )
        answer = self._call(operation, parameters, caller, other="AmazonSageMakerException")
        if not pattern:
            return wire.output(operation, answer, wire.milliseconds)
        return self._finished(operation, parameters, caller)

    def sdk(self, resource: str, parameters: Any) -> Any:
        """Run ``aws-sdk:sagemaker:anyOperation``."""
        operation = pascal(resource.removeprefix(_SDK))
        answer = self._call(operation, parameters, Caller.of_machine(), other="SageMakerException")
        return wire.output(operation, answer, _iso)

    def _call(self, operation: str, parameters: Any, caller: Caller, *, other: str) -> Document:
        try:
            request = wire.parse(operation, json.dumps(parameters).encode())
            return self._service.call(operation, request, caller)
        except Fault as fault:
            raise _error(fault, other) from fault

    def _finished(self, operation: str, parameters: Any, caller: Caller) -> Any:
        store, name = self._store(operation), f"{operation.removeprefix('Create')}Name"
        job = store.get(caller.scope, parameters[name])
        if job is None:
            raise ministack.execution_error("States.TaskFailed", "The job has been deleted.")
        while not job.wait(_POLL_SECONDS):
            if ministack.task_abandoned():
                job.stop()
                raise ministack.execution_error("States.TaskFailed", "The task was abandoned.")
        describe = operation.replace("Create", "Describe")
        answer = self._call(describe, {name: job.name}, caller, other="AmazonSageMakerException")
        result = wire.output(describe, answer, wire.milliseconds)
        if job.status != "Completed":
            raise ministack.execution_error("States.TaskFailed", json.dumps(result))
        return result

    def _store(self, operation: str) -> Store[Any]:
        state = self._service.state
        stores: dict[str, Store[Any]] = {
            "CreateTrainingJob": state.training,
            "CreateProcessingJob": state.processing,
            "CreateTransformJob": state.transform,
            "CreateHyperParameterTuningJob": state.tuning,
        }
        return stores[operation]


def _error(fault: Fault, other: str) -> Exception:
    known = wire.service_model().shape_names
    modelled = fault.code in known and wire.service_model().shape_for(fault.code).metadata.get(
        "exception"
    )
    name = f"{fault.code.removesuffix('Exception')}Exception" if modelled else other
    cause = (
        f"{fault.message} (Service: AmazonSageMaker; Status Code: {fault.status}; "
        f"Error Code: {fault.code})"
    )
    return ministack.execution_error(f"SageMaker.{name}", cause)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
