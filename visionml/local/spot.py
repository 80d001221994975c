"""Taking the spot instances of a training or Batch job away, as AWS does when it needs them."""

import json

from visionml.errors import AccessDenied, InvalidInput, NotFound
from visionml.local.signed import ask
from visionml.local.state import State

_TARGET = "VisionmlLocal.InterruptTrainingJob"
_BATCH_TARGET = "VisionmlLocal.InterruptJob"


def interrupt(
    running: State, job: str, *, grace_seconds: float = 120.0, wait_seconds: float = 0.0
) -> str:
    """Interrupt a managed-spot training job of an embedded AWS; return the job's ARN.

    Its containers get SIGTERM, and SIGKILL `grace_seconds` later. Its checkpoints stay in S3, and
    the job starts again from them once there are instances, after `wait_seconds`.

    Raises
    ------
    NotFound
        There is no such job.
    AccessDenied
        The credentials in `running` are not an administrator's.
    InvalidInput
        The job does not run on spot instances, or has ended.
    Unavailable
        The embedded AWS does not answer.
    """
    body = json.dumps(
        {"TrainingJobName": job, "GraceSeconds": grace_seconds, "WaitSeconds": wait_seconds}
    )
    status, answer = ask(running, "sagemaker", _TARGET, body)
    if status == 200:
        return str(answer["TrainingJobArn"])
    message = str(answer.get("message", f"HTTP status {status}"))
    if answer.get("__type") == "ResourceNotFound":
        raise NotFound(message, hint="Training jobs are named after their run, such as RUN-train.")
    if status in {401, 403} or answer.get("__type") == "AccessDeniedException":
        raise AccessDenied(message, hint="Use the credentials of `visionml local env`.")
    raise InvalidInput(
        message, hint="Only a job that runs with EnableManagedSpotTraining can be interrupted."
    )


def interrupt_job(
    running: State, job_id: str, *, grace_seconds: float = 30.0, wait_seconds: float = 0.0
) -> str:
    """Interrupt a Batch job that runs in a spot environment; return the job's ARN.

    Its container gets SIGTERM, and SIGKILL `grace_seconds` later. The attempt ends with
    ``Host EC2 (instance i-...) terminated.``, on Fargate with ``Your Spot Task was interrupted.``,
    and the job's retry strategy decides what follows. The environment has no instances for
    `wait_seconds`.

    Raises
    ------
    NotFound
        There is no such job.
    AccessDenied
        The credentials in `running` are not an administrator's.
    InvalidInput
        The job does not run in an environment of spot instances.
    Unavailable
        The embedded AWS does not answer.
    """
    given = {"jobId": job_id, "graceSeconds": grace_seconds, "waitSeconds": wait_seconds}
    status, answer = ask(running, "batch", _BATCH_TARGET, json.dumps(given))
    if status == 200:
        return str(answer["jobArn"])
    message = str(answer.get("message", f"HTTP status {status}"))
    if message.endswith("does not exist"):
        raise NotFound(message, hint="SubmitJob answers a job's id.")
    if status in {401, 403}:
        raise AccessDenied(message, hint="Use the credentials of `visionml local env`.")
    raise InvalidInput(
        message, hint="Only a running job of a SPOT or FARGATE_SPOT environment can be interrupted."
    )
