"""Managed spot training: how long a job may take over all its attempts, and what it is billed."""

import math
import time
from dataclasses import dataclass

from visionml.local.sagemaker.core import Document

PRICE = 0.3
"""What a spot instance costs of the price on demand; on AWS it moves between 0.1 and 1."""


@dataclass
class Allowance:
    """The time that a training job may take: running, and with all waiting in between."""

    running_seconds: float
    deadline: float
    """On the monotonic clock."""
    used_seconds: float = 0.0
    """The time that its containers have run."""

    @classmethod
    def of(cls, condition: Document) -> "Allowance":
        """Return what a job's ``StoppingCondition`` allows from now on."""
        longest = condition.get("MaxWaitTimeInSeconds", math.inf)
        return cls(condition.get("MaxRuntimeInSeconds", 86400), time.monotonic() + longest)

    @property
    def waiting_left(self) -> float:
        """The seconds until the deadline."""
        return self.deadline - time.monotonic()

    @property
    def left(self) -> float:
        """The seconds that the containers may run from now on."""
        return min(self.running_seconds - self.used_seconds, self.waiting_left)

    @property
    def excess(self) -> str:
        """The secondary status of a job that was stopped because its time was over."""
        return "MaxWaitTimeExceeded" if self.waiting_left <= 0 else "MaxRuntimeExceeded"


def billed(seconds: float, *, spot: bool) -> int:
    """Return the billable seconds of some seconds of training."""
    return max(1, round(seconds * PRICE if spot else seconds))
