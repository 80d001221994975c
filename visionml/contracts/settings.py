"""One frozen, typed settings record per environment, read from ``infra/environments/NAME.toml``."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from visionml.contracts.batch import LARGEST_ARRAY, BatchMethod
from visionml.contracts.dataset import DatasetName
from visionml.contracts.detector import DetectorRules
from visionml.contracts.gates import Gates, Share
from visionml.contracts.intake import RedactionMethod, RegionKind
from visionml.contracts.model import LARGEST_IMAGE_SIZE, SMALLEST_IMAGE_SIZE
from visionml.errors import SettingsInvalid

ENVIRONMENTS = ("local", "dev", "staging", "prod")
_FOLDER = Path(__file__).parents[2] / "infra" / "environments"

Positive = Annotated[int, Field(ge=1)]


def _number(value: object) -> object:
    """Read an override's digits; pydantic itself does so for plain numbers, not for choices."""
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _items(value: object) -> object:
    """Read an override such as ``150,300,800``."""
    return tuple(value.split(",")) if isinstance(value, str) else value


LogDays = Annotated[Literal[1, 3, 7, 14, 30, 60, 90, 180, 365, 400, 731], BeforeValidator(_number)]
Assignment = Literal["weights", "sticky"]
InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainingSettings(_Record):
    """How models are trained and what they must reach to be registered."""

    dataset: DatasetName | None = None
    """What the schedule trains on, at its newest version; without one there is no schedule."""
    schedule_hours: Positive = 24
    on_dataset_ready: bool = False
    """Train whenever a version of the dataset above, or of any where none is named, is ready."""
    on_drift: bool = False
    """Train on the newest version of the serving model's dataset when its answers drift; what
    comes of it passes the gates like any other, and is approved like any other."""
    architecture: str = "small-cnn"
    image_size: Annotated[int, Field(ge=SMALLEST_IMAGE_SIZE, le=LARGEST_IMAGE_SIZE)] | None = None
    """None for the architecture's own."""
    hyperparameters: dict[str, Annotated[str, BeforeValidator(str)]] = {}
    """Of these three are the runs that nobody starts by hand."""
    instance_type: InstanceType = "ml.m5.xlarge"
    instance_count: Positive = 1
    volume_gb: Positive = 30
    max_runtime_seconds: Positive = 3600
    """Of one job."""
    tuning_max_runtime_seconds: Annotated[int, Field(ge=120, le=15_768_000)] = 4 * 3600
    """Of a tuning with all its jobs."""
    spot: bool = True
    lambda_prepare_images: Annotated[int, Field(ge=0, le=20_000)] = 5_000
    """Versions of up to so many images are prepared by a function, not by a job; 0: none."""
    lambda_prepare_concurrency: Annotated[int, Field(ge=1, le=40)] = 10
    """How many of its invocations run at once; Step Functions' inline maps allow 40."""
    gates: Gates = Gates()
    answered_accuracy: Share = 0.99
    """What the images must reach that a model answers instead of abstaining from."""


class RolloutSettings(_Record):
    """How a version takes over the endpoint, and what it must show on the way."""

    strategy: Literal["canary", "linear", "all_at_once"] = "canary"
    canary_share: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    linear_share: Annotated[float, Field(ge=0.1, le=0.5)] = 0.25
    bake_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    """How long the alarms are watched after each shift of traffic, the last one included."""
    termination_wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 120
    """How long the old fleet stays up, without traffic, once the new one has it all."""
    maximum_seconds: Annotated[int, Field(ge=600, le=28_800)] = 3600
    approval: Literal["automatic", "manual"] = "automatic"
    """Whether a person has to approve the model package before it reaches production."""
    approval_hours: Positive = 72
    """How long a deployment waits for that person."""
    holdout_images: Positive = 200
    """How many holdout images the staging endpoint has to read."""
    holdout_loss: Share = 0.02
    """How much of the evaluation's accuracy may be lost on them."""
    probes: Annotated[int, Field(ge=0, le=500)] = 20
    """How many known images are sent at each look while traffic shifts; 0 for none."""


class NightSettings(_Record):
    """When there may be fewer instances, and how many."""

    from_hour: Annotated[int, Field(ge=0, le=23)] = 22
    to_hour: Annotated[int, Field(ge=0, le=23)] = 6
    timezone: str = "Etc/UTC"
    instances: Positive = 1
    """The most there are between these hours."""


class FirewallSettings(_Record):
    """What AWS WAF turns away in front of the API, beside AWS's own lists."""

    requests_per_address: Annotated[int, Field(ge=10, le=2_000_000_000)] = 100_000
    """In five minutes; a caller's whole back end may come from one address."""
    blocked_countries: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...], BeforeValidator(_items)
    ] = ()
    """By ISO 3166 code; none unless named."""


class ServingSettings(_Record):
    """The endpoint, its API and their limits."""

    instance_type: InstanceType = "ml.m5.large"
    initial_instances: Positive = 1
    minimum_instances: Positive = 1
    maximum_instances: Positive = 10
    invocations_per_instance: Positive = 1000
    """In a minute, which scaling holds the instances at."""
    night: NightSettings | None = None
    scale_in_cooldown_seconds: Positive = 300
    scale_out_cooldown_seconds: Positive = 60
    traffic_model_a: Share = 0.8
    assignment: Assignment = "sticky"
    """Who chooses the variant that answers: SageMaker by its weights, anew each time, or a hash of
    the caller's name, where one is given, so that callers keep their variant."""
    rollout: RolloutSettings = RolloutSettings()
    cache_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    rate_per_second: Positive = 1000
    burst: Positive = 2000
    quota_per_month: Positive = 1_000_000
    reserved_concurrency: Positive | None = None
    allowed_origins: Annotated[tuple[str, ...], BeforeValidator(_items)] = ()
    """Web origins that may call the API from a browser; none unless named."""
    firewall: FirewallSettings = FirewallSettings()
    poll_seconds: Positive = 15
    """How often the deployment machine looks at an endpoint that is being updated."""


class AlarmSettings(_Record):
    """Thresholds of the alarms; latencies in milliseconds, shares between 0 and 1."""

    latency_average_ms: Positive = 1000
    latency_p99_ms: Positive = 2000
    error_share: Share = 0.01
    probe_accuracy: Share = 0.8
    """Below it, on known images, a rollout is taken back."""
    rollback_period_seconds: Literal[10, 30, 60, 120, 300] = 60
    """Of the alarms that take a rollout back; shorter ones than 60 make sense where metrics come
    faster than CloudWatch's."""
    intake_errors: Positive = 10
    """Of intake's function, in five minutes."""
    intake_duration_ms: Positive = 20_000
    """Of a batch, on average."""
    intake_wait_seconds: Positive = 900
    """How long an upload may wait for intake."""
    quarantine_share: Share = 0.2
    """Of the files that intake looks at."""
    stream_age_seconds: Positive = 300
    """How long requests may wait in their stream."""
    stream_failures: Annotated[int, Field(ge=0)] = 10
    """Requests of the stream that end as failures, in five minutes."""
    delivery_age_seconds: Annotated[int, Field(ge=1000)] = 1800
    """How long events of answers may wait for their delivery to S3; Firehose gathers them for
    ``analytics.buffer_seconds``, 900 at most."""
    accuracy: Share = 0.9
    """Below it, by the truths that were told, a model needs to be looked at."""
    email: str | None = None
    monthly_budget_usd: Positive | None = None
    """`email` is told at 80 % of it, and when the month's forecast passes it."""


class RetentionSettings(_Record):
    """How long things are kept, in days."""

    images_days: Positive = 90
    results_days: Positive = 30
    previews_days: Positive = 365
    infrequent_days: Annotated[int, Field(ge=30)] = 30
    """After how many the folders of animals become cheaper to keep and dearer to read."""
    archive_days: Annotated[int, Field(ge=60)] = 90
    """After how many they go to Glacier Instant Retrieval."""
    organised_days: Positive = 730
    """How long the detector's folders keep an image."""
    quarantine_days: Positive = 30
    originals_days: Positive = 30
    """How long unredacted originals are kept, where they are."""
    records_days: Positive = 730
    """How long the images table knows an image."""
    models_days: Positive = 90
    """How long a retired model can be put back into production."""
    logs_days: LogDays = 90


class StreamSettings(_Record):
    """The streams' size, and how the requests stream is read."""

    mode: Literal["provisioned", "on_demand"] = "provisioned"
    """On demand, AWS adds and removes shards; the next two figures count for nothing then."""
    record_kilobytes: Positive = 10
    minimum_shards: Positive = 2
    enhanced_fan_out: bool = False
    """Read requests by a registered consumer, with a throughput of its own."""
    batch: Annotated[int, Field(ge=1, le=100)] = 64
    """How many requests the consumer is handed at most."""
    window_seconds: Annotated[int, Field(ge=0, le=300)] = 0
    """How long a batch may wait to be filled."""
    concurrency: Annotated[int, Field(ge=1, le=32)] = 4
    """How many invocations of the endpoint a batch has under way at once."""
    images_per_invocation: Annotated[int, Field(ge=1, le=32)] = 8
    """How many images of a batch the endpoint is asked about at once; fewer where an invocation
    would take more than half of ``alarms.latency_average_ms``."""
    parallelization_factor: Annotated[int, Field(ge=1, le=10)] = 1
    """How many batches of a shard are under way at once."""
    patience_seconds: Annotated[int, Field(ge=1, le=600)] = 300
    """How long the consumer waits, in one go, for an endpoint that is busy or down."""
    retry_attempts: Annotated[int, Field(ge=0, le=10_000)] = 12
    """How often Lambda hands over again what the consumer gave back or broke at."""
    maximum_age_seconds: Annotated[int, Field(ge=60, le=72_000)] = 3600
    """How long after its arrival a request may be answered; then it has failed."""


class BatchSettings(_Record):
    """Runs over many images at once, and the machines that they get."""

    schedule_hours: Annotated[int, Field(ge=0, le=168)] = 24
    """How often the images of the day before are predicted; 0 for never by itself."""
    method: BatchMethod = "endpoint"
    """Of the runs that nobody starts by hand."""
    images_per_part: Annotated[int, Field(ge=1, le=50_000)] = 2_000
    """What one job reads: it is done anew, as a whole, when that job is lost."""
    parts_per_group: Annotated[int, Field(ge=1, le=LARGEST_ARRAY)] = 1_000
    """How many parts are one array job."""
    inline_groups: Annotated[int, Field(ge=1, le=40)] = 40
    """With more groups than these a Distributed Map runs them; inline ones take 40 at once."""
    maximum_vcpus: Positive = 64
    """Of all jobs together, on spot instances and on others each."""
    job_vcpus: Annotated[int, Field(ge=1, le=96)] = 2
    job_memory_mb: Annotated[int, Field(ge=512, le=393_216)] = 4_096
    spot: bool = True
    """Ask for spot instances first; others follow where there are none."""
    instance_types: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9]+)?$")], ...],
        BeforeValidator(_items),
        Field(min_length=1),
    ] = ("m6i", "m5", "c6i", "c5")
    """Types or whole families of EC2: the more there are, the likelier are spot instances."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    """How many images a job reads, and how many invocations it makes, at once."""
    images_per_invocation: Annotated[int, Field(ge=1, le=32)] = 8
    patience_seconds: Annotated[int, Field(ge=1, le=3_600)] = 900
    """How long a job waits for an endpoint that is busy or down before it is tried anew."""
    timeout_seconds: Annotated[int, Field(ge=60, le=86_400)] = 3_600
    """Of one try at a part."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """How often a part is tried in one go."""
    write_table: bool = True
    """Keep each prediction in the table that callers collect theirs from, too."""
    transform_instance_type: InstanceType = "ml.m5.xlarge"
    transform_instances: Positive = 1
    """Of a run by SageMaker Batch Transform."""


class AnalyticsSettings(_Record):
    """The delivery of events to S3, and the queries on them."""

    buffer_seconds: Annotated[int, Field(ge=0, le=900)] = 300
    """How long Firehose gathers events at most."""
    buffer_megabytes: Annotated[int, Field(ge=64, le=128)] = 64
    """How much it gathers at most; what becomes Parquet needs 64 at least."""
    scanned_bytes_limit: Annotated[int, Field(ge=10_000_000)] = 10 * 1024**3
    """How much a query may read; Athena takes no limit below 10 MB."""


class DriftSettings(_Record):
    """How the answers in production are watched."""

    window_hours: Annotated[int, Field(ge=1, le=168)] = 1
    """The answers of so many hours are looked at, every hour."""
    false_alarm_rate: Annotated[float, Field(ge=0.001, le=0.2)] = 0.01
    """The share of windows without drift that a report may call drifted."""
    alarm_reports: Positive = 2
    """So many drifted reports..."""
    of_reports: Positive = 3
    """...of so many are an alarm."""
    baseline_images: Annotated[int, Field(ge=100, le=100_000)] = 5_000
    """How many images of the validation and holdout data a baseline is made of at most."""
    truth_days: Annotated[int, Field(ge=1, le=30)] = 7
    """Of the answers of so many days accuracy is counted, as truths are told."""

    @model_validator(mode="after")
    def _reachable(self) -> "DriftSettings":
        if self.alarm_reports > self.of_reports:
            raise ValueError("alarm_reports is larger than of_reports: there would be no alarm")
        return self


class ImageSettings(_Record):
    """Limits on images from outside."""

    upload_limit_bytes: Positive = 10 * 1024 * 1024
    pixel_limit: Positive = 50_000_000
    preview_sizes: Annotated[tuple[Positive, ...], BeforeValidator(_items)] = (150, 300, 800)


class IntakeSettings(_Record):
    """The function that looks at every upload, and how it is fed."""

    memory_mb: Annotated[int, Field(ge=512, le=10_240)] = 1_769
    """1,769 MB are one vCPU."""
    seconds: Annotated[int, Field(ge=10, le=900)] = 120
    """For a batch."""
    batch: Annotated[int, Field(ge=1, le=10)] = 5
    attempts: Annotated[int, Field(ge=1, le=100)] = 5
    """How often an upload is tried before it goes to the queue of failures."""
    retry_seconds: Annotated[int, Field(ge=10, le=43_200)] | None = None
    """After how long it is tried again; None: six times `seconds`, as AWS advises."""
    reserved_concurrency: Positive | None = None
    maximum_concurrency: Annotated[int, Field(ge=2, le=1000)] = 50
    """How many batches are worked on at once."""
    tracing: bool = True
    """By X-Ray."""
    link_seconds: Annotated[int, Field(ge=60, le=604_800)] = 3600
    """How long a signed link to a preview works at most."""

    @property
    def hidden_seconds(self) -> int:
        """How long an upload that is looked at is hidden from other looks."""
        return self.retry_seconds or 6 * self.seconds

    @model_validator(mode="after")
    def _patient(self) -> "IntakeSettings":
        if self.hidden_seconds < self.seconds:
            raise ValueError("retry_seconds is smaller than seconds: AWS refuses that")
        if (self.reserved_concurrency or self.maximum_concurrency) < self.maximum_concurrency:
            raise ValueError(
                "reserved_concurrency is smaller than maximum_concurrency: uploads would be turned"
                " away until they are given up"
            )
        return self


class RedactionSettings(_Record):
    """What is hidden in images before anything after intake sees them."""

    enabled: bool = False
    engine: Literal["rekognition", "offline"] = "rekognition"
    hide: Annotated[tuple[RegionKind, ...], BeforeValidator(_items), Field(min_length=1)] = (
        RegionKind.FACE,
        RegionKind.TEXT,
    )
    method: RedactionMethod = RedactionMethod.BLUR
    keep_originals: bool = False
    """In a bucket of their own, under a key of their own."""


class DetectorSettings(_Record):
    """The detector of cats and dogs."""

    prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,20}$")] = "serverlessapp"
    """Of the names of its functions, machine and topic."""
    rules: DetectorRules = DetectorRules()
    attempts: Annotated[int, Field(ge=1, le=8)] = 7
    """How often Rekognition is asked for an image while it is busy or down; with the longest
    pauses, two minutes in all."""
    retry_minutes: Annotated[int, Field(ge=6, le=1440)] = 15
    """How often, and from which age on, images are looked at again that no execution of the
    detector has organised. An execution may take five minutes."""
    retry_attempts: Annotated[int, Field(ge=1, le=100)] = 12
    """How often that is done for one image before it is given up."""


class Settings(_Record):
    """Everything that differs between environments; the defaults are production's."""

    environment: str
    region: str = "us-east-1"
    account: Annotated[str, Field(pattern=r"^\d{12}$")] | None = None
    prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,20}$")] = "ml-pipeline"
    owner: str = "ml-platform"
    project: str = "visionml"
    cost_center: str = "ml-platform"
    retain_data: bool = False
    private_network: bool = False
    permissions_boundary: Annotated[str, Field(pattern=r"^arn:[a-z-]+:iam::")] | None = None
    """The ARN of an account's own policy that bounds every role; None for the platform's."""
    lambda_architecture: Literal["arm64", "x86_64"] = "arm64"
    images_per_day: Positive = 500_000
    predictions_per_day: Positive = 100_000
    training: TrainingSettings = TrainingSettings()
    serving: ServingSettings = ServingSettings()
    alarms: AlarmSettings = AlarmSettings()
    retention: RetentionSettings = RetentionSettings()
    stream: StreamSettings = StreamSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()
    drift: DriftSettings = DriftSettings()
    batch: BatchSettings = BatchSettings()
    images: ImageSettings = ImageSettings()
    intake: IntakeSettings = IntakeSettings()
    redaction: RedactionSettings = RedactionSettings()
    detector: DetectorSettings = DetectorSettings()
    waived_checks: dict[str, Annotated[str, Field(min_length=20)]] = {}
    """Guardrail checks that are not made here, each with the reason in a sentence."""

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        serving = self.serving
        if serving.minimum_instances > serving.maximum_instances:
            raise ValueError("serving.minimum_instances is larger than serving.maximum_instances")
        if not serving.minimum_instances <= serving.initial_instances <= serving.maximum_instances:
            raise ValueError("serving.initial_instances lies outside minimum and maximum_instances")
        if self.batch.job_vcpus > self.batch.maximum_vcpus:
            raise ValueError("batch.job_vcpus is larger than batch.maximum_vcpus: no job would run")
        if self.stream.retry_attempts * self.stream.patience_seconds < (
            self.stream.maximum_age_seconds
        ):
            raise ValueError(
                "stream.retry_attempts times patience_seconds must reach maximum_age_seconds:"
                " Lambda would give up before the consumer has said why"
            )
        keep = self.retention
        if not keep.infrequent_days + 30 <= keep.archive_days < keep.organised_days:
            raise ValueError(
                "retention.archive_days must be 30 days after infrequent_days at least, and before"
                " organised_days"
            )
        if self.environment == "prod" and not self.retain_data:
            raise ValueError("retain_data must be true in prod")
        if self.environment == "prod" and "*" in serving.allowed_origins:
            raise ValueError("serving.allowed_origins may not hold '*' in prod")
        return self


def load(environment: str, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read an environment's settings, with dotted overrides such as ``{"serving.burst": "10"}``.

    Raises
    ------
    SettingsInvalid
        The file is missing or unreadable, or a key is unknown, wrong or contradictory; the
        message names the file and the key.
    """
    path = _FOLDER / f"{environment}.toml"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in _FOLDER.glob("*.toml")))
        raise SettingsInvalid(
            f"There is no environment named {environment!r}: {path} does not exist.",
            hint=f"Use one of: {known}; or add that file.",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{path} is not valid TOML: {error}.") from error
    values.setdefault("environment", environment)
    return _validated(values, overrides or {}, source=str(path))


def changed(settings: Settings, overrides: Mapping[str, Any]) -> Settings:
    """Return settings with dotted overrides; those that do not fit are SettingsInvalid."""
    values = settings.model_dump(mode="json")
    return _validated(values, overrides, source=f"The settings of {settings.environment}")


def _validated(values: dict[str, Any], overrides: Mapping[str, Any], *, source: str) -> Settings:
    for dotted, value in overrides.items():
        _assign(values, dotted, value)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'settings'}: {fault['msg']}"
            for fault in error.errors()
        )
        raise SettingsInvalid(f"{source}: {faults}.", hint="Mend the named keys.") from error


def _assign(values: dict[str, Any], dotted: str, value: object) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        inner = values.get(parent)
        if not isinstance(inner, dict):
            inner = values[parent] = {}
        values = inner
    values[last] = value
