"""A batch run, simulated: how long it takes and what it costs, lost spot instances included.

Jobs take parts from a queue, as many at once as there are places for. One that its instance is
taken from begins its part anew, in another place, as AWS Batch does it.
"""

import heapq
import math
import random
from dataclasses import dataclass

from visionml.economics.prices import Prices

_LISTED_AT_ONCE = 1_000
_WRITES_A_PART = 3
"""Objects: what it reads, its rows and its report."""
_ITEM_KILOBYTES = 1
"""Of a prediction in the table, rounded up as DynamoDB does."""
_TRANSITIONS = 12
"""Of the machine, beside one and a half for each group."""
_LAUNCHED = 0.5
"""Of a group: it is waited for in a state, and now and then begun anew."""


@dataclass(frozen=True)
class Job:
    """What a job takes for its part."""

    images_per_second: float
    """Of one vCPU, from S3 to rows."""
    start_seconds: float = 30.0
    """From an instance that is there to the first image: the image is pulled, Python and the model
    are loaded."""


@dataclass(frozen=True)
class Fleet:
    """Where jobs run."""

    vcpus: int = 64
    job_vcpus: int = 2
    launch_seconds: float = 180.0
    """From a job that waits to an instance that is there."""
    lost_an_hour: float = 0.02
    """How often a job's instance is taken away, in an hour; spot ones alone."""
    attempts: int = 3

    @property
    def places(self) -> int:
        """How many jobs run at once."""
        return self.vcpus // self.job_vcpus


@dataclass(frozen=True)
class Course:
    """How a simulated run went."""

    images: int
    parts: int
    seconds: float
    """From its start to the last part's end."""
    busy_seconds: float
    """Of all places together, the starts of jobs included."""
    lost: int
    """Jobs whose instance was taken away."""
    images_again: int
    """Images that were read more than once for that."""
    missing: int
    """Parts that were lost each time; the run is started again for them."""

    @property
    def images_per_second(self) -> float:
        """Over the whole of the run."""
        return self.images / self.seconds if self.seconds else 0.0


def simulated(
    images: int,
    *,
    job: Job,
    fleet: Fleet,
    images_per_part: int = 2_000,
    endpoint_per_second: float = math.inf,
    seed: int = 0,
) -> Course:
    """Return how a run of so many images goes.

    Parameters
    ----------
    endpoint_per_second
        Images that the endpoint answers for all jobs together, who share it evenly; infinite where
        jobs predict by themselves.
    """
    drawn = random.Random(seed)  # noqa: S311 - a simulation
    parts = [
        (min(images_per_part, images - first), 1) for first in range(0, images, images_per_part)
    ]
    places = min(fleet.places, len(parts))
    rate = min(job.images_per_second * fleet.job_vcpus, endpoint_per_second / max(1, places))
    free = [fleet.launch_seconds] * places
    ended = busy = 0.0
    lost = again = missing = 0
    queue = parts[::-1]
    while queue:
        size, attempt = queue.pop()
        began = heapq.heappop(free)
        seconds = job.start_seconds + size / rate
        taken = drawn.expovariate(fleet.lost_an_hour / 3600) if fleet.lost_an_hour else math.inf
        if taken >= seconds:
            ended = max(ended, began + seconds)
            heapq.heappush(free, began + seconds)
            busy += seconds
            continue
        busy, lost = busy + taken, lost + 1
        again += int(max(0.0, taken - job.start_seconds) * rate)
        heapq.heappush(free, began + taken + fleet.launch_seconds)
        if attempt < fleet.attempts:
            queue.insert(0, (size, attempt + 1))
        else:
            missing += 1
            ended = max(ended, began + taken)
    return Course(images, len(parts), ended, busy, lost, again, missing)


def cost(
    course: Course,
    *,
    fleet: Fleet,
    prices: Prices,
    spot_discount: float = 0.6,
    family: str = "m",
    table: bool = True,
    groups: int = 1,
    endpoint: tuple[str, int] | None = None,
) -> dict[str, float]:
    """Return what a run costs, in US dollars by what it is for.

    Parameters
    ----------
    spot_discount
        What spot instances are cheaper by; 0 for others.
    table
        Whether predictions are kept for callers, too.
    endpoint
        The instances that are there for the run alone: their type, and how many.
    """
    read = course.images + course.images_again
    hours = course.busy_seconds * fleet.job_vcpus / 3600
    found = {
        "instances": prices[f"ec2-{family}-vcpu"].usd(hours) * (1 - spot_discount),
        "reading": prices["s3-get"].usd(read),
        "listing and writing": prices["s3-put"].usd(
            course.images / _LISTED_AT_ONCE + course.parts * _WRITES_A_PART
        ),
        "machine": prices["states-transition"].usd(_TRANSITIONS + groups * (1 + _LAUNCHED)),
    }
    if table:
        found["table"] = prices["dynamodb-write"].usd(read * _ITEM_KILOBYTES)
    if endpoint is not None:
        instance, count = endpoint
        found["endpoint"] = prices[instance].usd(count * course.seconds / 3600)
    return found
