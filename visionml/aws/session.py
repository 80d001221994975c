"""The one way to a boto3 client."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.session import Session

from visionml.errors import AccessDenied

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBServiceResource
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=5,
    read_timeout=70,
    max_pool_connections=32,
)


class _Directed(boto3.Session):
    """A boto3 session whose clients all go to one address."""

    def __init__(self, session: boto3.Session, where: dict[str, Any]) -> None:
        # not through its constructor: boto3 extends a botocore session once only
        vars(self).update(vars(session))
        self._where = where

    def client(self, *arguments: Any, **options: Any) -> Any:
        return super().client(*arguments, **{**options, **self._where})


class Aws:
    """Clients of one account and region, made on first use and kept.

    Where the clients connect to follows from the boto3 session and the standard environment
    variables (``AWS_ENDPOINT_URL``, ``AWS_CA_BUNDLE``), or from `endpoint_url` and `ca_bundle`.
    """

    def __init__(
        self,
        session: boto3.Session | None = None,
        *,
        endpoint_url: str | None = None,
        ca_bundle: str | None = None,
    ) -> None:
        self._session: Any = session or boto3.Session()
        self._where: dict[str, Any] = {}
        if endpoint_url:
            self._where["endpoint_url"] = endpoint_url
        if ca_bundle:
            self._where["verify"] = ca_bundle

    def client(self, service: str, **options: Any) -> Any:
        """Return a new client of any service, configured like the others.

        `options` are botocore's, such as ``read_timeout``, and go before the usual ones.
        """
        config = _CONFIG.merge(Config(**options)) if options else _CONFIG
        return self._session.client(service, config=config, **self._where)

    def boto_session(self) -> boto3.Session:
        """Return a session for libraries that make their own clients; they go where these go."""
        return _Directed(self._session, self._where)

    def credentials(self) -> "ReadOnlyCredentials":
        """Return the credentials in use now; those that run out are renewed.

        Raises
        ------
        AccessDenied
            There are none.
        """
        found = self._session.get_credentials()
        if found is None:
            raise AccessDenied("There are no AWS credentials.", hint="Run `aws configure`.")
        return found.get_frozen_credentials()  # type: ignore[no-any-return]

    @cached_property
    def ca_bundle(self) -> str | None:
        """The file of the authorities that are trusted; None for those that everybody trusts."""
        found = self._where.get("verify") or Session().get_config_variable("ca_bundle")
        return str(found) if found else None

    @property
    def region(self) -> str:
        """The region that clients talk to."""
        return str(self._session.region_name)

    @cached_property
    def account(self) -> str:
        """The 12-digit account id, from STS."""
        return str(self.client("sts").get_caller_identity()["Account"])

    @cached_property
    def s3(self) -> "S3Client":
        """Amazon S3."""
        return self.client("s3")  # type: ignore[no-any-return]

    @cached_property
    def sagemaker(self) -> "SageMakerClient":
        """Amazon SageMaker."""
        return self.client("sagemaker")  # type: ignore[no-any-return]

    @cached_property
    def sagemaker_runtime(self) -> "SageMakerRuntimeClient":
        """Amazon SageMaker Runtime: invocations."""
        return self.client("sagemaker-runtime")  # type: ignore[no-any-return]

    @cached_property
    def states(self) -> "SFNClient":
        """AWS Step Functions."""
        return self.client("stepfunctions")  # type: ignore[no-any-return]

    @cached_property
    def parameters(self) -> "SSMClient":
        """AWS Systems Manager Parameter Store."""
        return self.client("ssm")  # type: ignore[no-any-return]

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """AWS CloudFormation."""
        return self.client("cloudformation")  # type: ignore[no-any-return]

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        """Amazon CloudWatch metrics and alarms."""
        return self.client("cloudwatch")  # type: ignore[no-any-return]

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """Amazon CloudWatch Logs."""
        return self.client("logs")  # type: ignore[no-any-return]

    @cached_property
    def events(self) -> "EventBridgeClient":
        """Amazon EventBridge."""
        return self.client("events")  # type: ignore[no-any-return]

    @cached_property
    def sns(self) -> "SNSClient":
        """Amazon SNS."""
        return self.client("sns")  # type: ignore[no-any-return]

    @cached_property
    def dynamodb(self) -> "DynamoDBServiceResource":
        """Amazon DynamoDB, as the resource that speaks Python types."""
        return self._session.resource(  # type: ignore[no-any-return]
            "dynamodb", config=_CONFIG, **self._where
        )
