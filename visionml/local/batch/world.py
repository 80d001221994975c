"""What the operations of Batch work on."""

from dataclasses import dataclass

from visionml.local.batch.core import Halt, State
from visionml.local.batch.dispatcher import Dispatcher
from visionml.local.batch.retries import Ending
from visionml.local.sagemaker.cloud import Cloud


@dataclass(frozen=True)
class World:
    """The state, what moves it, and the cloud around."""

    state: State
    dispatcher: Dispatcher
    cloud: Cloud

    def reset(self) -> None:
        """End what runs and forget everything."""
        with self.state.lock:
            for job in self.state.jobs.values():
                job.halt = Halt(Ending(status_reason="The account was reset", final=True), 0)
        self.cloud.runtime.close()
        self.state.clear()
