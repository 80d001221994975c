"""What templates and settings do not say about a month, and what is assumed of it instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from visionml.errors import InvalidInput

Level = Literal["cheap", "typical", "dear"]
LEVELS: tuple[Level, ...] = ("cheap", "typical", "dear")


@dataclass(frozen=True)
class Assumption:
    """A quantity that nobody has measured yet: what it may be, and what it is."""

    name: str
    cheap: float
    typical: float
    dear: float
    unit: str
    what: str


ASSUMPTIONS = (
    Assumption("image_megabytes", 0.5, 1, 3, "MB", "A photograph that is uploaded."),
    Assumption("preview_kilobytes", 60, 120, 250, "kB", "An image's previews together."),
    Assumption("uploads_by_api", 0.0, 0.1, 0.5, "share", "Uploads through the images API."),
    Assumption("reads_per_image", 0.0, 0.1, 1, "calls", "Calls of the images API that read."),
    Assumption("uncertain_share", 0.01, 0.05, 0.1, "share", "Images that people are told of."),
    Assumption("record_kilobytes", 1, 2, 3, "kB", "An image's record in its table."),
    Assumption("async_share", 0.0, 0.2, 0.5, "share", "Predictions asked for by the stream."),
    Assumption("cache_hit_rate", 0.3, 0.1, 0.0, "share", "Answers that the API's cache has."),
    Assumption("request_kilobytes", 30, 100, 500, "kB", "An image in a request."),
    Assumption("prediction_seconds", 0.03, 0.05, 0.15, "s", "The model's time for an image."),
    Assumption("peak_factor", 2, 3, 10, "times", "The busiest hours beside the mean one."),
    Assumption("peak_hours", 1, 2, 4, "hours", "How many those are in a day."),
    Assumption("truth_share", 0.0, 0.01, 0.1, "share", "Predictions whose truth is told."),
    Assumption("runs_by_hand", 2, 8, 30, "a month", "Training runs that no schedule starts."),
    Assumption("training_hours", 0.2, 0.5, 1, "hours", "A run's jobs, on each instance."),
    Assumption("deployments", 2, 8, 30, "a month", "Models that are put into production."),
    Assumption("deployment_hours", 0.3, 0.5, 1, "hours", "A second fleet, and the staging one."),
    Assumption("spot_discount", 0.7, 0.6, 0.4, "share", "What spot capacity is cheaper by."),
    Assumption("batch_images_per_vcpu", 40, 20, 8, "a second", "What a batch job gets through."),
    Assumption("log_kilobytes", 0.5, 1, 3, "kB", "What an invocation writes to its log."),
    Assumption("other_log_gigabytes", 0.1, 1, 10, "GB a month", "Every other log group."),
    Assumption("custom_metrics", 20, 60, 200, "metrics", "What functions and APIs publish."),
    Assumption("other_calls", 20, 200, 5000, "a day", "Calls of a function that nothing counts."),
    Assumption("query_terabytes", 0.01, 0.1, 1, "TB a month", "What queries scan."),
    Assumption("crawls", 1, 4, 30, "a month", "Runs of the crawler."),
    Assumption("dataset_gigabytes", 5, 50, 500, "GB", "Datasets, raw and prepared, each."),
    Assumption("other_gigabytes", 1, 10, 100, "GB", "A bucket or table that nothing counts."),
    Assumption("network_gigabytes", 10, 200, 2000, "GB a month", "Through each endpoint."),
    Assumption("egress_gigabytes", 1, 50, 500, "GB a month", "Answers to callers outside of AWS."),
    Assumption("container_gigabytes", 2, 4, 10, "GB", "Container images in the registry."),
    Assumption("kms_calls_per_image", 1, 4, 12, "calls", "Uses of a key for an image."),
    Assumption("hosted_models", 2, 3, 10, "models", "For comparing one endpoint with several."),
    Assumption("serverless_gigabytes", 1, 2, 4, "GB", "Memory of a serverless endpoint."),
)
_KNOWN = {assumption.name: assumption for assumption in ASSUMPTIONS}


@dataclass(frozen=True)
class Assumptions:
    """One value for each."""

    values: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.values[name]


def chosen(given: Mapping[str, float] | None = None) -> tuple[Assumption, ...]:
    """Return the assumptions; those that are given have one value, and no range.

    Raises
    ------
    InvalidInput
        A name is unknown or a value negative.
    """
    given = given or {}
    for name, value in given.items():
        if name not in _KNOWN:
            raise InvalidInput(
                f"There is no assumption named {name!r}.", hint=f"Use one of: {', '.join(_KNOWN)}."
            )
        if value < 0 or (_KNOWN[name].unit == "share" and value > 1):
            raise InvalidInput(f"The assumption {name} cannot be {value:g}.")
    return tuple(
        Assumption(each.name, *(3 * (given[each.name],)), each.unit, each.what)
        if each.name in given
        else each
        for each in ASSUMPTIONS
    )


def at(assumptions: tuple[Assumption, ...], level: Level) -> Assumptions:
    """Return the values of one level."""
    return Assumptions({each.name: getattr(each, level) for each in assumptions})
