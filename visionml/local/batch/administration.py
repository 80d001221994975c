"""What the embedded Batch can be told to suffer; nothing of this is an operation of AWS.

Requests name what they want in ``X-Amz-Target`` and ask IAM for actions of a service that AWS does
not have: administrators may, roles of the platform may not.
"""

import json
from typing import Any

from visionml.local import ministack
from visionml.local.batch.attempts import interruption
from visionml.local.batch.core import arn_of
from visionml.local.batch.dispatcher import STOP_SECONDS
from visionml.local.batch.faults import client, denied, invalid
from visionml.local.batch.world import World
from visionml.local.sagemaker.core import Caller

TARGET = "VisionmlLocal.InterruptJob"
_LONGEST_SECONDS = 86400.0


def interrupt(world: World, caller: Caller, body: bytes) -> bytes:
    """Take the spot instance of a running job away.

    Raises
    ------
    Fault
        It cannot be done, or IAM does not allow it.
    """
    try:
        request = json.loads(body)
        job_id = str(request["jobId"])
        grace = _seconds(request.get("graceSeconds", STOP_SECONDS))
        wait = _seconds(request.get("waitSeconds", 0))
    except (ValueError, TypeError, KeyError):
        raise invalid(
            "The request must have jobId, and may have graceSeconds and waitSeconds, numbers from "
            f"0 to {_LONGEST_SECONDS:.0f}"
        ) from None
    arn = arn_of(caller.scope, "job", job_id)
    reason = ministack.denial(caller.access_key, "visionml-local:InterruptJob", arn)
    if reason:
        raise denied(reason)
    job = world.state.job(caller.scope, job_id)
    if job is None:
        raise client(f"Job {job_id} does not exist")
    if not world.dispatcher.interrupt(job, interruption(job, grace), wait_seconds=wait):
        raise client(f"Job {job_id} does not run on a spot instance")
    return json.dumps({"jobArn": job.arn}).encode()


def _seconds(given: Any) -> float:
    seconds = float(given)
    if not 0 <= seconds <= _LONGEST_SECONDS:
        raise ValueError
    return seconds
