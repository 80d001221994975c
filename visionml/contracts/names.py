"""Physical names: ``{prefix}-{resource}-{environment}-{region}``, from one place."""

from dataclasses import dataclass

from visionml.contracts.settings import Settings

VARIANT_A = "ModelA"
VARIANT_B = "ModelB"
SHADOW = "Shadow"
"""The variant that gets a copy of the traffic and answers nobody."""
STAGING = "staging"
"""How the name of a deployment's staging configuration ends."""
METRIC_NAMESPACE = "VisionML"
API_STAGE = "live"


def active_version_parameter(prefix: str) -> str:
    """Return the parameter that names the model version in production."""
    return f"/{prefix}/models/active-version"


def versions_path(prefix: str) -> str:
    """Return the path below which every model version has its parameters."""
    return f"/{prefix}/models/versions"


def version_parameter(prefix: str, version: str) -> str:
    """Return the parameter that holds one model version's metadata."""
    return f"{versions_path(prefix)}/{version}/metadata"


def baseline_parameter(prefix: str, version: str) -> str:
    """Return the parameter that says against which data a version in production is watched."""
    return f"{versions_path(prefix)}/{version}/baseline"


def deployed(prefix: str, environment: str, deployment_id: str) -> str:
    """Return the name of the SageMaker model and endpoint configuration of one deployment.

    With ``*`` it is the pattern that policies grant. At most 63 characters, as SageMaker asks.
    """
    return f"{prefix}-{environment}-{deployment_id}"


@dataclass(frozen=True)
class Names:
    """The names of everything the platform creates in one environment.

    The platform's own code and the CDK app both take names from here, so that neither has to
    look up stack outputs of the other.
    """

    prefix: str
    environment: str
    region: str

    @classmethod
    def of(cls, settings: Settings) -> "Names":
        """Return the names that follow from the settings."""
        return cls(settings.prefix, settings.environment, settings.region)

    @classmethod
    def of_detector(cls, settings: Settings) -> "Names":
        """Return the names of the detector's functions, machine and topic."""
        return cls(settings.detector.prefix, settings.environment, settings.region)

    def name(self, resource: str) -> str:
        """Return the physical name of a resource, such as ``adapter``."""
        return f"{self.prefix}-{resource}-{self.environment}-{self.region}"

    def bucket(self, resource: str, account: str) -> str:
        """Return the name of a bucket, such as ``raw``, ``datasets`` or ``images``.

        Bucket names are global, so they end with the account.
        """
        return f"{self.name(resource)}-{account}"

    def stack(self, part: str) -> str:
        """Return a CloudFormation stack's name, such as that of ``network``."""
        return self.name(part)

    @property
    def endpoint(self) -> str:
        """The production endpoint."""
        return self.name("endpoint")

    @property
    def staging_endpoint(self) -> str:
        """The endpoint on which a version is tried; it exists only for that."""
        return self.name("staging")

    def rollback_alarms(self) -> tuple[str, ...]:
        """Return the names of the alarms that take a rollout back."""
        of_variants = [
            f"rollback-{figure}-{variant}"
            for variant in ("a", "b")
            for figure in ("errors", "latency")
        ]
        return tuple(self.name(alarm) for alarm in (*of_variants, "rollback-probes"))

    def deployed(self, deployment_id: str) -> str:
        """Return the name of the SageMaker model and endpoint configuration of one deployment."""
        return deployed(self.prefix, self.environment, deployment_id)

    @property
    def lineage_table(self) -> str:
        """The DynamoDB table that links datasets, runs, models and deployments."""
        return self.name("lineage")

    @property
    def events_stream(self) -> str:
        """The Kinesis stream that tells monitoring of every answer."""
        return self.name("events")

    @property
    def requests_stream(self) -> str:
        """The Kinesis stream of predictions that somebody will collect."""
        return self.name("requests")

    @property
    def failed_requests_queue(self) -> str:
        """The SQS queue that is told of requested predictions that nobody could make."""
        return self.name("failed-requests")

    @property
    def predictions_table(self) -> str:
        """The DynamoDB table of predictions that somebody will collect."""
        return self.name("predictions")

    @property
    def delivery_stream(self) -> str:
        """The Firehose stream that delivers events of answers to S3."""
        return self.name("inference-events")

    @property
    def analytics_database(self) -> str:
        """The Glue database; Athena asks for quotes around names with hyphens."""
        return self.name("analytics").replace("-", "_")

    @property
    def analytics_workgroup(self) -> str:
        """The Athena workgroup, and the crawler of what people share."""
        return self.name("analytics")

    @property
    def images_table(self) -> str:
        """The DynamoDB table of the images that intake has seen."""
        return self.name("images")

    @property
    def intake_queue(self) -> str:
        """The SQS queue of uploads that intake has to look at."""
        return self.name("intake")

    @property
    def failed_intake_queue(self) -> str:
        """The SQS queue of uploads that intake could not deal with."""
        return self.name("failed-intake")

    @property
    def intake_rule(self) -> str:
        """The EventBridge rule that puts uploads into the queue."""
        return self.name("intake-uploads")

    @property
    def images_api(self) -> str:
        """The API that takes uploads and tells of images; its key has the same name."""
        return self.name("images-api")

    @property
    def pseudonym_secret(self) -> str:
        """The secret under which users' names are hashed."""
        return self.name("pseudonyms")

    @property
    def detection_machine(self) -> str:
        """The state machine that sorts an accepted image: one of the detector's names."""
        return self.name("detection")

    @property
    def uncertain_topic(self) -> str:
        """The SNS topic of images that a person should look at: one of the detector's names."""
        return self.name("uncertain")

    @property
    def training_machine(self) -> str:
        """The state machine that turns a dataset version into a registered model."""
        return self.name("training")

    @property
    def deployment_machine(self) -> str:
        """The state machine that puts a registered model on the endpoint."""
        return self.name("deployment")

    @property
    def batch(self) -> str:
        """The state machine of batch runs, their job queue and their job definition."""
        return self.name("batch")

    @property
    def model_package_group(self) -> str:
        """The SageMaker model package group."""
        return self.name("models")

    @property
    def alarm_topic(self) -> str:
        """The SNS topic that alarms and failures are announced on."""
        return self.name("alarms")

    @property
    def api(self) -> str:
        """The inference API; its key has the same name."""
        return self.name("api")

    @property
    def dashboard(self) -> str:
        """The CloudWatch dashboard."""
        return self.name("operations")

    @property
    def active_version_parameter(self) -> str:
        """The parameter that names the model version in production."""
        return active_version_parameter(self.prefix)

    def version_parameter(self, version: str) -> str:
        """Return the parameter that holds one model version's metadata."""
        return version_parameter(self.prefix, version)

    def baseline_parameter(self, version: str) -> str:
        """Return the parameter that says against which data a version is watched."""
        return baseline_parameter(self.prefix, version)

    def function(self, handler: str) -> str:
        """Return the name of a Lambda function from its handler's module name."""
        return self.name(handler.replace("_", "-"))

    def state_machine_arn(self, name: str, account: str) -> str:
        """Return a state machine's ARN from its physical name."""
        return f"arn:aws:states:{self.region}:{account}:stateMachine:{name}"
