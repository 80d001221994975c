"""EventBridge events of Batch, in the order of what they tell."""

import logging
import threading
from queue import SimpleQueue

from visionml.local import ministack
from visionml.local.batch import wire
from visionml.local.batch.core import Job
from visionml.local.sagemaker.core import Document, Scope

log = logging.getLogger(__name__)

STATE_CHANGE = "Batch Job State Change"
BLOCKED = "Batch Job Queue Blocked"


class Announcements:
    """Publishes events from a thread of its own: their targets may take their time."""

    def __init__(self) -> None:
        self._told: SimpleQueue[tuple[Scope, str, str, Document]] = SimpleQueue()

    def start(self) -> None:
        """Publish from now on."""
        threading.Thread(target=self._publish, name="batch-events", daemon=True).start()

    def tell(self, job: Job, detail_type: str = STATE_CHANGE) -> None:
        """Publish how a job is now; the caller holds the state's lock."""
        self._told.put((job.scope, detail_type, job.arn, job.described()))

    def _publish(self) -> None:
        while True:
            scope, detail_type, arn, described = self._told.get()
            try:
                with ministack.scope(scope.account, scope.region):
                    detail = wire.job_detail(described)
                    ministack.put_event("aws.batch", detail_type, detail, [arn])
            except Exception:
                log.exception("Batch could not tell of %s.", arn)
