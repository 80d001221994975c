"""What the embedded SageMaker can be told to suffer; nothing of this is an operation of AWS.

Requests look like SageMaker's own, with another prefix in ``X-Amz-Target``, and ask IAM for actions
of a service that AWS does not have: administrators may, roles of the platform may not.
"""

import json
from typing import Any

from visionml.local.sagemaker.core import Caller, Document
from visionml.local.sagemaker.faults import invalid, not_found, unknown_operation
from visionml.local.sagemaker.jobs import STOP_GRACE_SECONDS, Interruption
from visionml.local.sagemaker.state import State

TARGET_PREFIX = "VisionmlLocal."
_LONGEST_SECONDS = 86400.0


def respond(state: State, caller: Caller, operation: str, body: bytes) -> bytes:
    """Do what a request asks for.

    Raises
    ------
    Fault
        It cannot be done, or IAM does not allow it.
    """
    if operation != "InterruptTrainingJob":
        raise unknown_operation(operation)
    try:
        request = json.loads(body)
        name = str(request["TrainingJobName"])
        interruption = Interruption(
            _seconds(request.get("GraceSeconds", STOP_GRACE_SECONDS)),
            _seconds(request.get("WaitSeconds", 0)),
        )
    except (ValueError, TypeError, KeyError):
        raise invalid(
            "The request must have TrainingJobName, and may have GraceSeconds and WaitSeconds, "
            f"numbers from 0 to {_LONGEST_SECONDS:.0f}."
        ) from None
    arn = caller.scope.arn("training-job", name)
    state.cloud.allow(caller, f"visionml-local:{operation}", arn)
    return json.dumps(_interrupt(state, caller, name, interruption)).encode()


def _interrupt(state: State, caller: Caller, name: str, interruption: Interruption) -> Document:
    job = state.training.get(caller.scope, name)
    if job is None:
        raise not_found(f"The training job {name} does not exist.")
    if not job.spot:
        raise invalid(f"The training job {name} does not run on spot instances.")
    with job.lock:
        if job.status != "InProgress":
            raise invalid(f"The training job {name} is in status {job.status}.")
        job.interruption = interruption
    return {"TrainingJobArn": job.arn}


def _seconds(given: Any) -> float:
    seconds = float(given)
    if not 0 <= seconds <= _LONGEST_SECONDS:
        raise ValueError
    return seconds
