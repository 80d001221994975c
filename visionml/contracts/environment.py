"""Each Lambda handler's and job's environment, as one record used on both sides.

The CDK unit writes ``record.variables()``; the handler reads ``Record.read()`` at cold
start. A missing or malformed variable fails the cold start with its name.
"""

import os
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from visionml.contracts.gates import Gates
from visionml.contracts.settings import Assignment


class Environment(BaseModel):
    """What a process is told in environment variables."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> Self:
        """Read the record from environment variables named like the fields, in upper case."""
        source = os.environ if variables is None else variables
        names = {name.upper(): name for name in cls.model_fields}
        return cls.model_validate({names[k]: v for k, v in source.items() if k in names})

    def variables(self) -> dict[str, str]:
        """Return the environment variables that ``read`` understands."""
        return {name.upper(): str(value) for name, value in self if value is not None}


class HandlerEnvironment(Environment):
    """What every handler gets."""

    powertools_service_name: str
    powertools_metrics_namespace: str
    log_level: str = "INFO"


class ApiEnvironment(HandlerEnvironment):
    """What every handler behind the API gets."""

    allowed_origins: str = ""
    """Web origins that may read the answers, with commas between them."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins one by one."""
        return tuple(filter(None, self.allowed_origins.split(",")))


class AdapterEnvironment(ApiEnvironment):
    """``handlers/inference_adapter.py``."""

    endpoint_name: str
    assignment: Assignment
    raw_bucket: str
    upload_limit_bytes: int
    events_stream: str


class UploadIssuerEnvironment(ApiEnvironment):
    """``handlers/upload_issuer.py``: says where callers put images too large for a request."""

    raw_bucket: str
    upload_limit_bytes: int


class PredictionAcceptorEnvironment(UploadIssuerEnvironment):
    """``handlers/prediction_acceptor.py``: takes images whose predictions are collected later."""

    requests_stream: str
    predictions_table: str
    results_days: int


class PredictionReaderEnvironment(ApiEnvironment):
    """``handlers/prediction_reader.py``: hands predictions to who collects them."""

    predictions_table: str
    results_days: int


class PredictionConsumerEnvironment(HandlerEnvironment):
    """``handlers/prediction_consumer.py``: makes the predictions that the stream asks for."""

    endpoint_name: str
    assignment: Assignment
    raw_bucket: str
    upload_limit_bytes: int
    events_stream: str
    predictions_table: str
    results_days: int
    failures_queue: str
    """Its URL."""
    concurrency: int
    images_per_invocation: int
    invocation_milliseconds: int
    """What an invocation with several images may take."""
    patience_seconds: int
    maximum_age_seconds: int


class AnswerKeeperEnvironment(HandlerEnvironment):
    """``handlers/answer_keeper.py``: keeps answers until their truth is told."""

    predictions_table: str
    results_days: int


class GroundTruthEnvironment(ApiEnvironment):
    """``handlers/ground_truth.py``: is told what images really show."""

    predictions_table: str
    results_days: int
    models_bucket: str
    results_bucket: str


class ChallengerScalerEnvironment(HandlerEnvironment):
    """``handlers/challenger_scaler.py``: lets ModelB's instances follow its load."""

    endpoint_name: str
    rules: str
    """JSON of ``ScalingRules``."""


class HealthReporterEnvironment(ApiEnvironment):
    """``handlers/health_reporter.py``: says whether predictions can be had."""

    endpoint_name: str
    resource_prefix: str


class CacheClearerEnvironment(HandlerEnvironment):
    """``handlers/cache_clearer.py``: forgets the answers of the model before."""

    api_id: str
    api_stage: str


class GateEnvironment(HandlerEnvironment, Gates):
    """``handlers/evaluation_gate.py``: the gates, one variable each."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    models_bucket: str


class RunRecorderEnvironment(HandlerEnvironment):
    """``handlers/run_recorder.py``: writes the run's state to the lineage table."""

    lineage_table: str


class RunPlannerEnvironment(HandlerEnvironment):
    """``handlers/run_planner.py``: claims a run and says what is left to do of it."""

    lineage_table: str
    datasets_bucket: str
    models_bucket: str
    vision_image: str
    """Shards that another image has prepared are not used again."""
    reuse_days: int
    """How old shards may be that are used again; the bucket forgets them later than this."""
    tuning_seconds: int
    lambda_prepare_images: int
    """Versions of up to so many images are prepared by the function below."""


class ShardPreparerEnvironment(HandlerEnvironment):
    """``dataset/shard_preparer.py``: prepares one shard."""

    raw_bucket: str
    datasets_bucket: str


class CandidateChooserEnvironment(HandlerEnvironment):
    """``handlers/candidate_chooser.py``: looks up the best model of a run."""

    lineage_table: str
    resource_prefix: str


class RunStarterEnvironment(HandlerEnvironment):
    """``handlers/run_starter.py``: starts a run on an event."""

    training_machine_arn: str
    datasets_bucket: str
    run_template: str
    """JSON: what the requests of runs that nobody starts by hand have in common."""


class RegistrarEnvironment(HandlerEnvironment):
    """``handlers/model_registrar.py``: creates the model package, version metadata and lineage."""

    lineage_table: str
    package_approval: Literal["Approved", "PendingManualApproval"]
    """What a new package begins with: a person's approval is asked for, or is not."""
    models_bucket: str
    model_package_group: str
    resource_prefix: str
    """The first part of parameter names, as in ``/{prefix}/models/...``."""
    serving_image: str


class DeploymentPlannerEnvironment(HandlerEnvironment):
    """``handlers/deployment_planner.py``: checks a version and says what to create."""

    lineage_table: str
    resource_prefix: str
    environment: str
    """The settings' environment: with the prefix it gives ``Names.deployed``."""
    endpoint_name: str
    staging_endpoint: str
    instance_type: str
    instance_count: int
    """The fewest instances a plan may ask for."""
    traffic_model_a: float
    rollout: str
    """JSON of ``RolloutSettings``."""
    rollback_alarms: str
    """Names with commas between them."""
    claim_seconds: int
    """How long a deployment may have the endpoint at most."""


class DeploymentProberEnvironment(HandlerEnvironment):
    """``handlers/deployment_prober.py``: asks the endpoint for known images during a rollout."""

    resource_prefix: str
    endpoint_name: str
    raw_bucket: str
    datasets_bucket: str
    probes: int
    """How many images a look asks for."""


class StagingCheckerEnvironment(HandlerEnvironment):
    """``handlers/staging_checker.py``: lets a model read holdout images once more."""

    staging_endpoint: str
    raw_bucket: str
    datasets_bucket: str
    holdout_images: int
    holdout_loss: float
    latency_limit_ms: float
    """A model that is slower for one image at a time would set off the alarm in any case."""


class ApprovalEnvironment(HandlerEnvironment):
    """``handlers/approval_requester.py`` and ``handlers/approval_resolver.py``."""

    lineage_table: str


class DeploymentRecorderEnvironment(HandlerEnvironment):
    """``handlers/deployment_recorder.py``: moves active-version and writes lineage."""

    lineage_table: str
    resource_prefix: str
    endpoint_name: str


class VersionWatcherEnvironment(HandlerEnvironment):
    """``handlers/active_version_watcher.py``: keeps active-version and what serves the same."""

    resource_prefix: str
    environment: str
    endpoint_name: str
    lineage_table: str
    deployment_machine_arn: str
    topic_arn: str


class DeploymentCleanerEnvironment(HandlerEnvironment):
    """``handlers/deployment_cleaner.py``: removes what past deployments left."""

    resource_prefix: str
    environment: str
    endpoint_name: str
    staging_endpoint: str
    lineage_table: str
    deployment_machine_arn: str
    models_days: int
    """How long a retired model can be put back into production."""


class UploadReceiverEnvironment(ApiEnvironment):
    """``handlers/upload_receiver.py``: takes images, or says where to send them."""

    images_bucket: str
    upload_limit_bytes: int
    pseudonym_secret: str


class ImageReaderEnvironment(ApiEnvironment):
    """``handlers/image_reader.py``: tells of images that intake has seen."""

    images_bucket: str
    images_table: str
    pseudonym_secret: str
    link_seconds: int


class ImageExporterEnvironment(HandlerEnvironment):
    """``handlers/image_exporter.py``: writes records of images as rows for queries."""

    images_table: str
    results_bucket: str


class ImageRetrierEnvironment(HandlerEnvironment):
    """``handlers/image_retrier.py``: has images looked at that nobody has looked at."""

    images_bucket: str
    images_table: str
    detection_machine_arn: str
    uncertain_topic_arn: str
    retry_seconds: int
    """The age from which on an image is looked at again."""
    retry_attempts: int


class IntakeEnvironment(HandlerEnvironment):
    """``intake/receiver.py``: looks at every upload."""

    images_bucket: str
    originals_bucket: str
    """"" where unredacted originals are not kept."""
    images_table: str
    detection_machine_arn: str
    pseudonym_secret: str
    upload_limit_bytes: int
    pixel_limit: int
    preview_sizes: str
    """With commas between them."""
    redaction: str
    """JSON of ``RedactionSettings``."""
    records_days: int


class ImageProcessorEnvironment(HandlerEnvironment):
    """``handlers/image_processor.py``: says which animal an image shows."""

    images_bucket: str
    detector_rules: str
    """JSON of ``DetectorRules``."""


class FileManagerEnvironment(HandlerEnvironment):
    """``handlers/file_manager.py``: puts an image into the folder of its animal."""

    images_bucket: str
    images_table: str


class NotificationServiceEnvironment(HandlerEnvironment):
    """``handlers/notification_service.py``: tells people of images that they should look at."""

    images_bucket: str
    uncertain_topic_arn: str
    link_seconds: int


class BatchJobEnvironment(Environment):
    """``batch/job.py``: the program ``batch``, one part of a batch run."""

    results_bucket: str
    endpoint_name: str
    predictions_table: str = ""
    """Where rows are kept for callers; "" where they are not."""
    results_days: int = 30
    concurrency: int = 16
    """Reads, and invocations, that are under way at once."""
    images_per_invocation: int = 8
    vcpus: int = 1
    """On which the method ``model`` predicts."""
    upload_limit_bytes: int = 10 * 1024 * 1024
    patience_seconds: int = 900
    """How long what is busy or down is waited for, since it last answered."""


class BatchChild(Environment):
    """Which child of an array job a process is, as AWS Batch says it; plain jobs have no index."""

    aws_batch_job_array_index: int = 0
    aws_batch_job_attempt: int = 1


class BatchPlannerEnvironment(HandlerEnvironment):
    """``handlers/batch_planner.py``: gives a run to an execution and says what is left of it."""

    results_bucket: str
    raw_bucket: str
    images_bucket: str
    resource_prefix: str
    batch: str
    """JSON of ``BatchSettings``."""


class BatchSummariserEnvironment(HandlerEnvironment):
    """``handlers/batch_summariser.py``: counts what came of a run."""

    results_bucket: str


class BaselineMakerEnvironment(HandlerEnvironment):
    """``monitoring/baseline_maker.py``: makes what a version is watched against."""

    resource_prefix: str
    datasets_bucket: str
    models_bucket: str
    baseline_images: int
    false_alarm_rate: float


class DriftWatcherEnvironment(HandlerEnvironment):
    """``monitoring/drift_watcher.py``: looks at the answers of the last hours."""

    resource_prefix: str
    endpoint_name: str
    models_bucket: str
    results_bucket: str
    delay_seconds: int
    """How long events may be on their way to the results bucket."""
    drift: str
    """JSON of ``DriftSettings``."""
