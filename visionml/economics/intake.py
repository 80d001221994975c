"""What a day's images ask of intake: the concurrency of its functions and the queue before them."""

from collections.abc import Mapping
from dataclasses import dataclass

from visionml.economics import queueing

_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Stage:
    """One function on an image's way, and what it is occupied with one image for."""

    name: str
    compute_seconds: float
    calls: int
    """Requests to AWS, one after the other."""
    call_seconds: float = 0.03
    """Of one such request: S3 and DynamoDB answer within 10 to 100 ms in their own region."""
    share: float = 1.0
    """Of the images that it sees at all."""

    @property
    def seconds(self) -> float:
        """How long one image occupies it."""
        return self.compute_seconds + self.calls * self.call_seconds


STAGES = (
    Stage("receiver", compute_seconds=0.12, calls=9),
    Stage("image-processor", compute_seconds=0.005, calls=1, call_seconds=0.8),
    Stage("file-manager", compute_seconds=0.005, calls=4),
    Stage("notification-service", compute_seconds=0.005, calls=2, share=0.05),
)
"""The functions of intake and the detector, with one vCPU, for photographs of 2 megapixels.

The receiver's computing is decoding, three previews, cleaning and two hashes. Its calls are one to
read the upload, one to look for a record, four to write images, one to write the record, one to
start the detector and one to delete the upload. Rekognition answers DetectLabels within a second.
"""


@dataclass(frozen=True)
class Need:
    """What one function needs at a rate of images."""

    stage: str
    mean: float
    """Invocations at once on average."""
    most: int
    """At once for 99.9 % of the time, if nothing has to wait."""


def needs(stages: tuple[Stage, ...], *, images_per_day: int, peak: float = 1.0) -> tuple[Need, ...]:
    """Return what each stage needs at `peak` times the day's mean rate."""
    rate = arrivals(images_per_day, peak)
    loads = {stage.name: rate * stage.share * stage.seconds for stage in stages}
    return tuple(Need(name, load, queueing.busy(load)) for name, load in loads.items())


def arrivals(images_per_day: int, peak: float = 1.0) -> float:
    """Return images a second at `peak` times the day's mean rate."""
    return images_per_day * peak / _DAY_SECONDS


@dataclass(frozen=True)
class Queue:
    """What the queue before the first function does at a rate of images."""

    concurrency: int
    slow_wait_seconds: float
    """What 99 % of the images do not wait longer than; infinite if the rate is too high."""
    drain_seconds: float
    """Of an hour's peak that nobody worked on, while the mean rate goes on."""


def queue(first: Stage, *, images_per_day: int, peak: float, concurrency: int) -> Queue:
    """Return what `concurrency` invocations at once make of the peak rate."""
    rate, mean = arrivals(images_per_day, peak), arrivals(images_per_day)
    return Queue(
        concurrency=concurrency,
        slow_wait_seconds=queueing.slow_wait(
            concurrency, rate * first.seconds, seconds=first.seconds
        ),
        drain_seconds=queueing.drain_seconds(
            round(rate * 3600), servers=concurrency, seconds=first.seconds, arrivals=mean
        ),
    )


def account_share(needed: tuple[Need, ...], *, limit: int = 1000) -> float:
    """Return the share of an account's concurrent invocations that the functions take together.

    The default limit is that of a new account, to be raised on request.
    """
    return sum(need.most for need in needed) / limit


def predicted_burst(images: int, *, stages: Mapping[str, float], concurrency: int) -> float:
    """Return the seconds that a burst takes from its first image to the end of its last.

    `stages` are the seconds of one image in each function; the slowest of them with its
    concurrency sets the pace, the others are a pipeline behind it.
    """
    pace = max(stages.values()) / concurrency
    return images * pace + sum(stages.values())
