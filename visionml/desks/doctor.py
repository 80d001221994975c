"""Whether this computer, and an account, are ready for the platform; and what to do if not."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionml.desks import machine_checks
from visionml.desks.machine_checks import Check
from visionml.errors import AccessDenied, NotFound, VisionmlError

if TYPE_CHECKING:
    from visionml.aws.session import Aws
    from visionml.contracts.settings import Settings
    from visionml.economics.capacity import Demand

NOT_CHECKABLE = "not checkable without an account"
SERVICES = (
    "apigateway",
    "athena",
    "batch",
    "dynamodb",
    "firehose",
    "glue",
    "kinesis",
    "lambda",
    "rekognition",
    "sagemaker",
    "stepfunctions",
    "wafv2",
)
"""As boto3 names them; some are not in every region."""
_BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
_OLDEST_BOOTSTRAP = 6
"""What the templates themselves ask for."""


def machine(folder: Path | None = None) -> tuple[Check, ...]:
    """Return what this computer has and lacks."""
    return machine_checks.checks(machine_checks.facts(folder or Path.cwd()))


def connect(settings: "Settings") -> "Aws":
    """Return clients with the credentials that boto3 finds; nothing is called yet."""
    import boto3  # noqa: PLC0415 - a bare machine lacks it

    from visionml.aws.session import Aws  # noqa: PLC0415 - as above

    return Aws(boto3.Session(region_name=settings.region))


def account(aws: "Aws", settings: "Settings") -> tuple[Check, ...]:
    """Return what an account has and lacks; what cannot be looked at is unknown, with a reason."""
    credentials = _credentials(aws, settings)
    reachable = credentials.status == "ok"
    return (
        credentials,
        region(settings.region, _available(settings.region)),
        _bootstrap(aws, settings) if reachable else _unknown("bootstrap"),
        *(_quotas(aws, settings) if reachable else [_unknown("service quotas")]),
    )


def _unknown(name: str, why: str = NOT_CHECKABLE) -> Check:
    return Check(name, "unknown", why)


def _credentials(aws: "Aws", settings: "Settings") -> Check:
    from visionml.aws.errors import translated  # noqa: PLC0415 - as above

    fix = "Run `aws configure` or `aws sso login`, or name a profile in AWS_PROFILE."
    try:
        with translated("ask who is calling"):
            caller = aws.client("sts").get_caller_identity()
    except AccessDenied as error:
        return Check("credentials", "failed", error.message, fix)
    except VisionmlError as error:
        return Check("credentials", "failed", error.message, error.hint or fix)
    number, who = str(caller["Account"]), str(caller["Arn"])
    if settings.account not in {None, number}:
        found = f"{who}, but the settings name the account {settings.account}"
        return Check("credentials", "failed", found, "Use credentials of that account.")
    return Check("credentials", "ok", who)


def _available(name: str) -> frozenset[str]:
    """Return the services that boto3 knows of in a region; needs no network."""
    import boto3  # noqa: PLC0415 - as above

    session = boto3.Session()
    return frozenset(each for each in SERVICES if name in session.get_available_regions(each))


def region(name: str, available: frozenset[str]) -> Check:
    """Judge a region by the services that are in it."""
    missing = sorted(set(SERVICES) - available)
    if not missing:
        return Check("region", "ok", f"{name} has every service")
    fix = "Choose another `region` in the environment's settings, such as us-east-1."
    return Check("region", "failed", f"{name} lacks {', '.join(missing)}", fix)


def _bootstrap(aws: "Aws", settings: "Settings") -> Check:
    from visionml.aws.errors import translated  # noqa: PLC0415 - as above

    try:
        with translated("read the version of the CDK's bootstrap"):
            found = aws.client("ssm").get_parameter(Name=_BOOTSTRAP)["Parameter"]["Value"]
    except NotFound:
        return bootstrap(None, settings.environment)
    except VisionmlError as error:
        return _unknown("bootstrap", error.message)
    return bootstrap(int(found), settings.environment)


def bootstrap(version: int | None, environment: str) -> Check:
    """Judge the version of the CDK's bootstrap stack."""
    fix = f"Run `visionml deploy --environment {environment} --bootstrap` once."
    if version is None:
        return Check("bootstrap", "failed", "the CDK was never used in this region", fix)
    if version < _OLDEST_BOOTSTRAP:
        found = f"version {version}; {_OLDEST_BOOTSTRAP} is the oldest that works"
        return Check("bootstrap", "failed", found, fix)
    return Check("bootstrap", "ok", f"version {version}")


def _quotas(aws: "Aws", settings: "Settings") -> Iterator[Check]:
    """Yield the quotas that the environment's own tenfold peak meets."""
    from visionml.aws.errors import translated  # noqa: PLC0415 - as above
    from visionml.economics import capacity, quotas  # noqa: PLC0415 - as above

    load = capacity.Load(settings.images_per_day, settings.predictions_per_day, peak=10)
    demands = {each.bound: each for each in capacity.capacity(settings, load).demands}
    client: Any = aws.client("service-quotas")
    for quota in quotas.QUOTAS:
        demand = demands.get(f"{quota.service}: {quota.name}")
        if demand is None:
            continue
        if not quota.code:
            yield _unlisted(demand)
            continue
        try:
            with translated(f"read the quota {quota.name}"):
                answer = client.get_service_quota(ServiceCode=quota.service, QuotaCode=quota.code)
        except VisionmlError as error:
            yield _unknown(f"quota {quota.name}", error.message)
        else:
            yield quota_check(demand, float(answer["Quota"]["Value"]))


def _unlisted(demand: "Demand") -> Check:
    found = f"{demand.peak:,.0f} {demand.unit} needed at a tenfold peak; compare it by hand"
    return _unknown(f"quota {demand.bound}", found)


def quota_check(demand: "Demand", allowed: float) -> Check:
    """Judge an account's quota by what is needed at the peak."""
    name = f"quota {demand.bound}"
    found = f"{allowed:,.0f} {demand.unit}; {demand.peak:,.0f} needed at a tenfold peak"
    if demand.peak <= allowed:
        return Check(name, "ok", found)
    return Check(name, "warning", found, f"Ask for more in Service Quotas; {demand.source}")


def failed(checks: tuple[Check, ...]) -> bool:
    """Say whether something is missing without which nothing works."""
    return any(check.status == "failed" for check in checks)
