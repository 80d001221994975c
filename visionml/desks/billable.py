"""What costs money while it stands, asked of each service by a listing of its own."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from visionml.aws.errors import translated
from visionml.aws.session import Aws
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings

DATA = ("bucket", "table", "key", "log group", "secret", "stream")
"""Kinds that hold data: environments that retain theirs keep them."""

_LISTINGS: tuple[tuple[str, str, str, Mapping[str, Any], str], ...] = (
    ("endpoint", "sagemaker", "list_endpoints", {}, "Endpoints[].EndpointName"),
    ("bucket", "s3", "list_buckets", {}, "Buckets[].Name"),
    ("table", "dynamodb", "list_tables", {}, "TableNames[]"),
    ("stream", "kinesis", "list_streams", {}, "StreamNames[]"),
    ("key", "kms", "list_aliases", {}, "Aliases[].AliasName"),
    ("secret", "secretsmanager", "list_secrets", {}, "SecretList[].Name"),
    ("log group", "logs", "describe_log_groups", {}, "logGroups[].logGroupName"),
    ("alarm", "cloudwatch", "describe_alarms", {}, "MetricAlarms[].AlarmName"),
    ("dashboard", "cloudwatch", "list_dashboards", {}, "DashboardEntries[].DashboardName"),
    ("API", "apigateway", "get_rest_apis", {}, "items[].name"),
    (
        "compute environment",
        "batch",
        "describe_compute_environments",
        {},
        "computeEnvironments[].computeEnvironmentName",
    ),
    ("network", "ec2", "describe_vpcs", {}, "Vpcs[].Tags[?Key=='Name'][].Value"),
)
_UNPAGED: tuple[tuple[str, str, str, Mapping[str, Any], str], ...] = (
    ("web ACL", "wafv2", "list_web_acls", {"Scope": "REGIONAL"}, "WebACLs[].Name"),
    ("delivery stream", "firehose", "list_delivery_streams", {}, "DeliveryStreamNames[]"),
)


def named(settings: Settings) -> re.Pattern[str]:
    """Return what the environment's names look like, wherever they stand in a name."""
    patterns = (
        re.escape(names.name("*")).replace(r"\*", ".+")
        for names in (Names.of(settings), Names.of_detector(settings))
    )
    return re.compile(f"(?:{'|'.join(patterns)})")


def standing(aws: Aws, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield kind and name of what stands and carries the environment's names.

    Raises
    ------
    AccessDenied
        A service may not be listed, so that nothing can be said.
    """
    ours = named(settings)
    for kind, name in _every(aws):
        if ours.search(name):
            yield kind, name


def _every(aws: Aws) -> Iterator[tuple[str, str]]:
    for kind, service, operation, arguments, path in _LISTINGS:
        with _listing(kind):
            pages = aws.client(service).get_paginator(operation).paginate(**arguments)
            yield from ((kind, str(name)) for name in pages.search(path) if name)
    for kind, service, operation, arguments, path in _UNPAGED:
        with _listing(kind):
            answer = getattr(aws.client(service), operation)(**arguments)
        key, _, field = path.partition("[]")
        for each in answer[key]:
            yield kind, str(each[field.removeprefix(".")] if field else each)


def _listing(kind: str) -> Any:
    return translated(f"list what there is of {kind}s", hint="Listing needs permission to read.")
