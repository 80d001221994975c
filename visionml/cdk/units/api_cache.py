"""Answers that the API keeps: for which requests, how long, and when they are forgotten.

See ``docs/decisions/0012-what-the-cache-is-keyed-on.md``.
"""

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk.aws_apigateway import MethodDeploymentOptions, RestApi
from aws_cdk.aws_events import EventPattern
from constructs import Construct

from visionml.cdk.units.handler import Handlers
from visionml.cdk.units.permissions import allow
from visionml.cdk.units.rules import active_version_written, run_on
from visionml.contracts.environment import CacheClearerEnvironment
from visionml.contracts.events import DEPLOYMENT_ENDED, DEPLOYMENT_SOURCE
from visionml.contracts.experiments import CALLER_HEADER
from visionml.contracts.inference import ATTEMPT_HEADER, HASH_HEADER, VERSION_HEADER
from visionml.contracts.names import API_STAGE, METRIC_NAMESPACE
from visionml.contracts.settings import ServingSettings

CACHED = "/inference/POST"
_SMALLEST_GB = "0.5"


def stage_options(serving: ServingSettings, common: dict[str, Any]) -> dict[str, Any]:
    """Return the stage's options for its cache; a method of its own needs `common` again.

    All is said even where nothing is kept: what a template leaves out stays as it was in a stage.
    """
    keeping = serving.cache_seconds > 0
    kept = MethodDeploymentOptions(
        **common,
        caching_enabled=keeping,
        cache_ttl=Duration.seconds(serving.cache_seconds),
        cache_data_encrypted=True,
    )
    return {
        "cache_cluster_enabled": keeping,
        **({"cache_cluster_size": _SMALLEST_GB} if keeping else {}),
        "caching_enabled": False,  # of other methods: predictions change until they are made
        "cache_data_encrypted": True,
        "method_options": {CACHED: kept},
    }


def key_headers(serving: ServingSettings) -> dict[str, bool]:
    """Return the headers that an answer is kept under, and whether a request must have them.

    Without the image's hash all images would share one answer. The caller's key keeps callers
    apart: what one of them provokes, no other is told. With the content type, who mends it is not
    given the refusal of before. Answers to origins that are named one by one differ by origin, and
    where callers keep their variant, those to callers with a name differ by the name.
    """
    named = bool(serving.allowed_origins) and "*" not in serving.allowed_origins
    optional = ["x-api-key", "Content-Type", VERSION_HEADER, ATTEMPT_HEADER]
    optional += ["Origin"] if named else []
    optional += [CALLER_HEADER] if serving.assignment == "sticky" else []
    return {HASH_HEADER: serving.cache_seconds > 0, **dict.fromkeys(optional, False)}


class CacheClearing(Construct):
    """Forgets every answer when another version is in production, and when a deployment ends."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        api: RestApi,
    ) -> None:
        super().__init__(scope, id)
        names = handlers.names
        clearer = handlers.add(
            "cache_clearer",
            CacheClearerEnvironment(
                powertools_service_name="serving",
                powertools_metrics_namespace=METRIC_NAMESPACE,
                api_id=api.rest_api_id,
                api_stage=API_STAGE,
            ),
            private=False,  # the network has no endpoint of API Gateway's management
        )
        stack = Stack.of(self)
        cache = f"/restapis/{api.rest_api_id}/stages/{API_STAGE}/cache/data"
        resource = f"arn:{stack.partition}:apigateway:{stack.region}::{cache}"
        allow(clearer.role, ["apigateway:DELETE"], [resource])
        run_on(
            self,
            "ActiveVersion",
            clearer,
            name=names.name("cache-clearing"),
            description="active-version was written: answers of another model are forgotten.",
            event_pattern=active_version_written(names, ("Create", "Update", "Delete")),
        )
        run_on(
            self,
            "DeploymentEnded",
            clearer,
            name=names.name("cache-clearing-deployed"),
            description="A deployment has ended: answers of a canary or challenger are forgotten.",
            event_pattern=EventPattern(source=[DEPLOYMENT_SOURCE], detail_type=[DEPLOYMENT_ENDED]),
        )
