"""How long things live, from the settings."""

from aws_cdk import RemovalPolicy
from aws_cdk.aws_logs import RetentionDays

from visionml.contracts.settings import Settings

_RETENTION = {
    1: RetentionDays.ONE_DAY,
    3: RetentionDays.THREE_DAYS,
    7: RetentionDays.ONE_WEEK,
    14: RetentionDays.TWO_WEEKS,
    30: RetentionDays.ONE_MONTH,
    60: RetentionDays.TWO_MONTHS,
    90: RetentionDays.THREE_MONTHS,
    180: RetentionDays.SIX_MONTHS,
    365: RetentionDays.ONE_YEAR,
    400: RetentionDays.THIRTEEN_MONTHS,
    731: RetentionDays.TWO_YEARS,
}


def removal_policy(settings: Settings) -> RemovalPolicy:
    """Return what becomes of data when its stack is deleted."""
    return RemovalPolicy.RETAIN if settings.retain_data else RemovalPolicy.DESTROY


def log_retention(settings: Settings) -> RetentionDays:
    """Return how long log groups keep their events."""
    return _RETENTION[settings.retention.logs_days]
