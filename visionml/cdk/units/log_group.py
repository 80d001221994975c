"""A log group: encrypted, with an end."""

from aws_cdk.aws_kms import IKey
from aws_cdk.aws_logs import LogGroup
from constructs import Construct

from visionml.cdk.units.lifetime import log_retention, removal_policy
from visionml.contracts.settings import Settings


def log_group(scope: Construct, id: str, *, name: str, key: IKey, settings: Settings) -> LogGroup:  # noqa: A002
    """Return a log group with the environment's retention, encrypted with the operations key."""
    return LogGroup(
        scope,
        id,
        log_group_name=name,
        encryption_key=key,
        retention=log_retention(settings),
        removal_policy=removal_policy(settings),
    )
