"""What the stream of requests gets done, and what a burst does to it."""

from dataclasses import dataclass
from math import ceil, inf

from visionml.economics import queueing

_DAY_SECONDS = 86_400
_CALLS_OF_A_BATCH = 5
"""Lambda's own, one to look up what is known, one to settle, one to tell and one to note that."""
SHARD_RECORDS = 1000
"""A second, that a shard takes: docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits."""
CALL_SECONDS = 0.03
"""Of one request to S3, DynamoDB or Kinesis, which take 10 to 100 ms in their own region."""

IMAGE_SECONDS = 0.04
"""Of one of the endpoint's processors, for a photograph of 2 megapixels and a small ResNet."""


@dataclass(frozen=True)
class Endpoint:
    """What answers: as many images at once as it has processors."""

    processors: int
    image_seconds: float = IMAGE_SECONDS

    @property
    def rate(self) -> float:
        """Images a second."""
        return self.processors / self.image_seconds


@dataclass(frozen=True)
class Reading:
    """How the stream is read; the defaults are those of the settings."""

    shards: int = 2
    parallelization_factor: int = 1
    batch: int = 64
    concurrency: int = 4
    images_per_invocation: int = 8
    call_seconds: float = CALL_SECONDS

    @property
    def lanes(self) -> int:
        """Batches under way at once."""
        return self.shards * self.parallelization_factor

    def batch_seconds(self, image_seconds: float) -> float:
        """Return what a full batch takes where the endpoint takes every image at once."""
        together = min(self.images_per_invocation, ceil(self.batch / self.concurrency))
        rounds = ceil(ceil(self.batch / together) / self.concurrency)
        invocation = (together + 1) * self.call_seconds + together * image_seconds
        return _CALLS_OF_A_BATCH * self.call_seconds + rounds * invocation

    def rate(self, endpoint: Endpoint) -> float:
        """Return the records a second that are answered while many are waiting."""
        own = self.lanes * self.batch / self.batch_seconds(endpoint.image_seconds)
        return min(own, endpoint.rate, self.shards * SHARD_RECORDS)


@dataclass(frozen=True)
class Burst:
    """What a time of many requests leaves behind."""

    backlog: int
    """Records that wait when it ends."""
    lag_seconds: float
    """How long the last of them waits for its answer."""
    drain_seconds: float
    """From its end until nothing waits any more; infinite if the mean rate alone is too much."""


def arrivals(predictions_per_day: int, peak: float = 1.0) -> float:
    """Return records a second at `peak` times the day's mean rate."""
    return predictions_per_day * peak / _DAY_SECONDS


def burst(rate: float, *, mean: float, peak: float, seconds: float) -> Burst:
    """Return what `seconds` of arrivals at `peak` a second do where `rate` a second are answered.

    Before and afterwards `mean` a second arrive, which keeps nothing waiting for long.
    """
    backlog = max(0, round((peak - rate) * seconds))
    return Burst(
        backlog=backlog,
        lag_seconds=backlog / rate if rate else inf,
        drain_seconds=queueing.drain_seconds(backlog, servers=1, seconds=1 / rate, arrivals=mean),
    )


def longest_burst(rate: float, *, peak: float, maximum_age_seconds: float) -> float:
    """Return how many seconds of `peak` make no record wait until it is too old to be answered."""
    return maximum_age_seconds * rate / (peak - rate) if peak > rate else inf


def lanes_for(reading: Reading, endpoint: Endpoint, *, wanted: float) -> int:
    """Return the batches that have to be under way at once for `wanted` records a second."""
    return ceil(wanted * reading.batch_seconds(endpoint.image_seconds) / reading.batch)
