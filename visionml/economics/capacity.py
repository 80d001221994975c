"""What a load asks of settings and quotas: concurrency, shards, instances, units, processors."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal

from visionml.contracts.settings import Settings
from visionml.economics import queueing, quotas
from visionml.economics.assumptions import at, chosen
from visionml.economics.quotas import Quota
from visionml.economics.stream import SHARD_RECORDS, Endpoint, Reading, lanes_for
from visionml.economics.template import HOURS
from visionml.economics.workload import Workload

_SECONDS = HOURS * 3600
_SHARD_KILOBYTES = 1000.0
_BATCH_HOURS = 6
"""In which a day's images are to be predicted by batch jobs."""
_UTILISATION = 0.7
"""Of an endpoint's processors, above which waits grow quickly."""
PROCESSORS = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16}
"""Of the sizes of instances; larger ones are counted as the largest here."""

Kind = Literal["setting", "quota", "none"]


@dataclass(frozen=True)
class Demand:
    """One thing that load asks for, and what bounds it."""

    what: str
    mean: float
    peak: float
    """What is needed at the peak."""
    unit: str
    kind: Kind
    bound: str = ""
    """The setting's or the quota's name."""
    limit: float | None = None
    source: str = ""

    @property
    def enough(self) -> bool | None:
        """Whether the bound holds the peak; None where nobody can say from here."""
        if self.kind == "none":
            return True
        return None if self.limit is None else self.peak <= self.limit

    @property
    def advice(self) -> str:
        """What to do about it."""
        if self.enough:
            return "enough"
        if self.enough is None:
            return f"look up the account's quota; {ceil(self.peak)} are needed"
        verb = "set" if self.kind == "setting" else "ask for"
        return f"{verb} {_rounded(self.peak):,}"


@dataclass(frozen=True)
class Load:
    """What comes in a day, and how much more at the peak."""

    images_per_day: int
    predictions_per_day: int
    peak: float = 1.0


@dataclass(frozen=True)
class Capacity:
    """What a load asks for."""

    load: Load
    demands: tuple[Demand, ...]

    def short(self) -> tuple[Demand, ...]:
        """Return what has to be raised, or looked up."""
        return tuple(demand for demand in self.demands if not demand.enough)


def scenarios(settings: Settings, *, peak: float = 10) -> tuple[Load, ...]:
    """Return the day that the settings name, its peak, and a day of a hundred times as much."""
    images, predictions = settings.images_per_day, settings.predictions_per_day
    return (
        Load(images, predictions),
        Load(images, predictions, peak),
        Load(100 * images, 100 * predictions),
    )


def capacity(
    settings: Settings, load: Load, *, assume: Mapping[str, float] | None = None
) -> Capacity:
    """Return what a load asks of an environment with these settings."""
    day = {
        "images_per_day": load.images_per_day,
        "predictions_per_day": load.predictions_per_day,
    }
    work = Workload(settings.model_copy(update=day), at(chosen(assume), "typical"))
    demands = (
        *_functions(work, load.peak),
        *_streams(work, load.peak),
        *_endpoint(work, load.peak),
        *_tables(work, load.peak),
        *_batch(work),
        *_services(work, load.peak),
    )
    return Capacity(load, demands)


def _functions(work: Workload, peak: float) -> Iterator[Demand]:
    loads = {
        name: calls.count / _SECONDS * calls.seconds
        for name, calls in work.calls.items()
        if calls.driver in {"images", "predictions"}
    }
    receiver = loads["receiver"]
    bound = float(work.settings.intake.maximum_concurrency)
    needed = queueing.busy(receiver * peak)
    yield _by_setting(
        "receiver at once",
        receiver,
        needed,
        unit="at once",
        setting="intake.maximum_concurrency",
        limit=bound,
    )
    mean = sum(loads.values())
    yield _by_quota("all functions at once", mean, queueing.busy(mean * peak), quotas.LAMBDA)


def _streams(work: Workload, peak: float) -> Iterator[Demand]:
    stream, assumed = work.settings.stream, work.assumed
    for name, records, kilobytes in (
        ("events", work.invocations, float(stream.record_kilobytes)),
        ("requests", work.later, assumed["request_kilobytes"]),
    ):
        rate = records / _SECONDS
        shards = max(rate / SHARD_RECORDS, rate * kilobytes / _SHARD_KILOBYTES)
        peak_shards = max(1, ceil(shards * peak))
        if stream.mode == "on_demand":
            yield Demand(f"shards of {name}", shards, peak_shards, "shards", "none")
        else:
            bound = float(stream.minimum_shards)
            what = f"shards of {name}"
            yield _by_setting(
                what,
                shards,
                peak_shards,
                unit="shards",
                setting="stream.minimum_shards",
                limit=bound,
            )
    reading = Reading(
        shards=stream.minimum_shards,
        parallelization_factor=stream.parallelization_factor,
        batch=stream.batch,
        concurrency=stream.concurrency,
        images_per_invocation=stream.images_per_invocation,
    )
    answers = Endpoint(1, assumed["prediction_seconds"])
    wanted = work.later / _SECONDS
    yield _by_setting(
        "batches of requests at once",
        lanes_for(reading, answers, wanted=wanted),
        max(1, lanes_for(reading, answers, wanted=wanted * peak)),
        unit="at once",
        setting="stream.minimum_shards x parallelization_factor",
        limit=float(reading.lanes),
    )


def _endpoint(work: Workload, peak: float) -> Iterator[Demand]:
    serving = work.settings.serving
    rate = work.invocations / _SECONDS
    size = serving.instance_type.rpartition(".")[2]
    processors = PROCESSORS.get(size, max(PROCESSORS.values()))
    each = min(
        serving.invocations_per_instance / 60,
        _UTILISATION * processors / work.assumed["prediction_seconds"],
    )
    needed = float(max(serving.minimum_instances, ceil(rate * peak / each)))
    yield _by_setting(
        "instances of the endpoint",
        max(serving.minimum_instances, rate / each),
        needed,
        unit="instances",
        setting="serving.maximum_instances",
        limit=float(serving.maximum_instances),
    )
    during = 2 * needed + 1  # a deployment has both fleets, and the staging endpoint
    yield _by_quota(f"{serving.instance_type} in a deployment", during, during, quotas.INSTANCES)


def _tables(work: Workload, peak: float) -> Iterator[Demand]:
    record = work.assumed["record_kilobytes"]
    images = 3 * work.images / _SECONDS * record
    predictions = 2 * work.later / _SECONDS
    yield _by_quota("writes of the images table", images, images * peak, quotas.TABLE)
    yield _by_quota(
        "writes of the predictions table", predictions, predictions * peak, quotas.TABLE
    )


def _batch(work: Workload) -> Iterator[Demand]:
    """Yield what the batch of a day needs; it reads what came, whenever that was."""
    batch = work.settings.batch
    rate = work.settings.images_per_day / (_BATCH_HOURS * 3600)
    cores = float(max(batch.job_vcpus, ceil(rate / work.assumed["batch_images_per_vcpu"])))
    yield _by_setting(
        f"vCPUs for a day's images in {_BATCH_HOURS} hours",
        cores,
        cores,
        unit="vCPUs",
        setting="batch.maximum_vcpus",
        limit=float(batch.maximum_vcpus),
    )
    quota = quotas.SPOT if batch.spot else quotas.ON_DEMAND
    yield _by_quota("vCPUs of AWS Batch", cores, cores, quota)


def _services(work: Workload, peak: float) -> Iterator[Demand]:
    images = work.images / _SECONDS
    yield _by_quota("DetectLabels", images, images * peak, quotas.LABELS)
    yield _by_quota("detections started", images, images * peak, quotas.EXPRESS)
    intake = work.settings.intake
    waiting = float(intake.maximum_concurrency * intake.batch)
    yield _by_quota("uploads being looked at", waiting, waiting, quotas.IN_FLIGHT)
    requests = sum(work.api_calls.values())
    rate = requests / _SECONDS
    yield _by_quota("requests to the APIs", rate, rate * peak, quotas.API)
    serving = work.settings.serving
    asked = work.api_calls["api"]
    yield _by_setting(
        "requests of one key",
        asked / _SECONDS,
        asked / _SECONDS * peak,
        unit="a second",
        setting="serving.rate_per_second",
        limit=float(serving.rate_per_second),
    )
    yield _by_setting(
        "requests of one key in a month",
        asked,
        asked,
        unit="a month",
        setting="serving.quota_per_month",
        limit=float(serving.quota_per_month),
    )


def _by_setting(
    what: str, mean: float, peak: float, *, unit: str, setting: str, limit: float
) -> Demand:
    return Demand(what, mean, peak, unit, "setting", setting, limit)


def _by_quota(what: str, mean: float, peak: float, quota: Quota) -> Demand:
    name = f"{quota.service}: {quota.name}"
    return Demand(what, mean, peak, quota.unit, "quota", name, quota.default, quota.source)


def _rounded(number: float) -> int:
    """Return a number to ask for: a fifth more, rounded up to two digits."""
    more = number * 1.2
    step: int = 10 ** max(0, len(str(int(more))) - 2)
    return ceil(more / step) * step
