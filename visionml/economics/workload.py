"""What a month asks of the platform: calls of functions, files, records, hours."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from visionml.contracts.settings import Settings
from visionml.economics.assumptions import Assumptions
from visionml.economics.intake import STAGES
from visionml.economics.template import DAYS, HOURS

Driver = Literal["images", "predictions", "training", "standing"]
"""What a cost grows with; what stands costs the same on a day without work."""


@dataclass(frozen=True)
class Calls:
    """Of one function, in a month."""

    count: float
    seconds: float
    """Of each."""
    driver: Driver


@dataclass(frozen=True)
class Flow:
    """Files that come to a folder of a bucket, in a month."""

    bucket: str
    prefix: str
    files: float
    megabytes: float
    """Of each."""
    driver: Driver
    deleted: bool = False
    """Whether they go again at once, which a bucket with versions remembers."""


@dataclass(frozen=True)
class Workload:
    """What follows from settings and assumptions alone."""

    settings: Settings
    assumed: Assumptions

    @property
    def images(self) -> float:
        """Images in a month."""
        return self.settings.images_per_day * DAYS

    @property
    def predictions(self) -> float:
        """Predictions that are asked for in a month."""
        return self.settings.predictions_per_day * DAYS

    @property
    def at_once(self) -> float:
        """Those that wait for their answer."""
        return self.predictions * (1 - self.assumed["async_share"])

    @property
    def later(self) -> float:
        """Those that are collected later."""
        return self.predictions * self.assumed["async_share"]

    @property
    def uncached(self) -> float:
        """Those at once that the API's cache does not answer."""
        cached = self.assumed["cache_hit_rate"] if self.settings.serving.cache_seconds else 0.0
        return self.at_once * (1 - cached)

    @property
    def invocations(self) -> float:
        """Images that the endpoint looks at for the API and the stream."""
        return self.uncached + self.later

    @property
    def batch_images(self) -> float:
        """Images that scheduled batch runs look at."""
        return self.images if self.settings.batch.schedule_hours else 0.0

    @property
    def runs(self) -> float:
        """Training runs."""
        training = self.settings.training
        scheduled = HOURS / training.schedule_hours if training.dataset else 0.0
        return scheduled + self.assumed["runs_by_hand"]

    @cached_property
    def calls(self) -> Mapping[str, Calls]:
        """What is known of functions, by their names without the environment."""
        assumed, images = self.assumed, self.images
        uploads = images * assumed["uploads_by_api"]
        later, answers = self.later, self.invocations
        stages = {
            stage.name: Calls(
                images * (assumed["uncertain_share"] if stage.share < 1 else 1),
                stage.seconds,
                "images",
            )
            for stage in STAGES
        }
        return {
            **stages,
            "upload-receiver": Calls(uploads, 0.1, "images"),
            "image-reader": Calls(images * assumed["reads_per_image"], 0.05, "images"),
            "inference-adapter": Calls(
                self.uncached, 0.03 + assumed["prediction_seconds"], "predictions"
            ),
            "prediction-acceptor": Calls(later, 0.05, "predictions"),
            "prediction-reader": Calls(2 * later, 0.03, "predictions"),
            "prediction-consumer": Calls(
                later, 0.05 + assumed["prediction_seconds"], "predictions"
            ),
            "answer-keeper": Calls(answers, 0.03, "predictions"),
            "ground-truth": Calls(self.predictions * assumed["truth_share"], 0.05, "predictions"),
            "health-reporter": Calls(60 * HOURS, 0.03, "standing"),
            "shard-preparer": Calls(self.runs * 10, 120, "training"),
            "baseline-maker": Calls(assumed["deployments"], 120, "training"),
            "deployment-prober": Calls(assumed["deployments"] * 40, 3, "training"),
            "staging-checker": Calls(assumed["deployments"], 60, "training"),
        }

    @cached_property
    def flows(self) -> tuple[Flow, ...]:
        """The files that come to the buckets, as far as they are many."""
        assumed, images = self.assumed, self.images
        large = assumed["image_megabytes"]
        preview = assumed["preview_kilobytes"] / 3000
        original = images if self.settings.redaction.keep_originals else 0.0
        requests = self.at_once + 4 * self.later
        return (
            Flow("images", "uploads/", images, large, "images", deleted=True),
            Flow("images", "accepted/", images, large, "images", deleted=True),
            Flow("images", "others/", images, large, "images"),
            Flow("images", "previews/", 3 * images, preview, "images"),
            Flow("originals", "images/", original, large, "images"),
            Flow("results", "events/", 12 * HOURS, 2e-3 * self.invocations / 8760, "predictions"),
            Flow("results", "batch/", 24 * DAYS, 5e-4 * self.batch_images / 730, "images"),
            Flow("logs", "", 24 * DAYS, 5e-4 * requests / 730, "predictions"),
        )

    @property
    def datasets(self) -> Mapping[str, float]:
        """Gigabytes that lie in buckets whatever comes."""
        size = self.assumed["dataset_gigabytes"]
        return {"raw": size, "datasets": size, "models": 0.1 * self.assumed["deployments"] * 3}

    @property
    def storage_events(self) -> float:
        """S3's events of one image: six files that come, two that go."""
        return 8 * self.images

    @property
    def api_calls(self) -> Mapping[str, float]:
        """Requests to the APIs, by their names without the environment."""
        calls = self.calls
        told = sum(calls[name].count for name in ("ground-truth", "health-reporter"))
        return {
            "api": self.at_once + 3 * self.later + told,
            "images-api": calls["upload-receiver"].count + calls["image-reader"].count,
        }

    def instance_hours(self, *, night: bool = True) -> float:
        """Return the hours of the endpoint's instances in a month, as scaling has them.

        Every hour has the instances that its load asks for: the day's mean, or its busiest hours.
        """
        serving, assumed = self.settings.serving, self.assumed
        per_minute = self.invocations / (HOURS * 60)
        busy_hours = min(assumed["peak_hours"], 24.0)
        quiet, busy = (
            self._instances(per_minute * factor) for factor in (1.0, assumed["peak_factor"])
        )
        hours = DAYS * (busy * busy_hours + quiet * (24 - busy_hours))
        dark = serving.night
        if dark is not None and night:
            length = (dark.to_hour - dark.from_hour) % 24
            hours -= DAYS * length * max(0.0, quiet - min(quiet, float(dark.instances)))
        batch = self.batch_images if self.settings.batch.method == "endpoint" else 0.0
        asked = batch / self.settings.batch.images_per_invocation
        return hours + asked / serving.invocations_per_instance / 60

    def _instances(self, per_minute: float) -> float:
        serving = self.settings.serving
        wanted = -(-per_minute // serving.invocations_per_instance)
        return float(min(max(wanted, serving.minimum_instances), serving.maximum_instances))
