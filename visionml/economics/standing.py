"""Charges for what stands: keys, firewalls, addresses, alarms; and what costs nothing."""

from collections.abc import Iterator

from visionml.economics.charge import Charge, Charges, World
from visionml.economics.template import HOURS, Resource, text
from visionml.economics.workload import Driver

_FAST = 60
"""Alarms on shorter periods than these seconds cost more."""


def _key(_resource: Resource, world: World) -> Iterator[Charge]:
    keys = sum(1 for _ in world.templates.resources("AWS::KMS::Key"))
    uses = world.work.images * world.assumed["kms_calls_per_image"]
    yield Charge("key", "kms-key", 1)
    yield Charge("requests", "kms-request", uses / keys, "images")


def _secret(_resource: Resource, _world: World) -> Iterator[Charge]:
    yield Charge("secret", "secret", 1)


def _stage(resource: Resource, world: World) -> Iterator[Charge]:
    api = _api(resource, world)
    requests = world.work.api_calls[api]
    driver: Driver = "images" if api == "images-api" else "predictions"
    yield Charge("requests", "api-request", requests, driver)
    if resource.properties.get("CacheClusterEnabled"):
        size = resource.properties.get("CacheClusterSize", "0.5")
        yield Charge("cache", f"api-cache-{size}", HOURS)


def _api(resource: Resource, world: World) -> str:
    """Return which API a stage belongs to."""
    wanted = text(resource.properties.get("RestApiId", "")).strip("<>")
    for api in world.templates.resources("AWS::ApiGateway::RestApi"):
        if api.logical_id == wanted and api.stack == resource.stack:
            base = world.base(api.properties.get("Name", ""))
            return base if base in world.work.api_calls else "api"
    return "api"


def _firewall(resource: Resource, world: World) -> Iterator[Charge]:
    base = "images-api" if "images" in text(resource.properties.get("Name", "")) else "api"
    yield Charge("list", "waf-acl", 1)
    yield Charge("rules", "waf-rule", len(resource.properties.get("Rules", ())))
    yield Charge("requests", "waf-request", world.work.api_calls[base], "predictions")


def _alarm(resource: Resource, _world: World) -> Iterator[Charge]:
    metrics = [m for m in resource.properties.get("Metrics", ()) if "MetricStat" in m]
    periods = [metric["MetricStat"].get("Period", 300) for metric in metrics]
    shortest = min([*periods, resource.properties.get("Period", 300)])
    price = "alarm-fast" if shortest < _FAST else "alarm"
    yield Charge("metrics watched", price, max(1, len(metrics)))


def _composite(_resource: Resource, _world: World) -> Iterator[Charge]:
    yield Charge("alarm", "alarm-composite", 1)


def _dashboard(_resource: Resource, world: World) -> Iterator[Charge]:
    yield Charge("dashboard", "dashboard", 1)
    yield Charge("metrics of the platform", "metric", world.assumed["custom_metrics"])


def _interface(resource: Resource, world: World) -> Iterator[Charge]:
    if resource.properties.get("VpcEndpointType", "Gateway") == "Gateway":
        return  # those of S3 and DynamoDB are free
    zones = len(resource.properties.get("SubnetIds", ())) or 1
    yield Charge("hours", "endpoint-hour", zones * HOURS)
    yield Charge("data", "endpoint-gb", world.assumed["network_gigabytes"])


def _nat(_resource: Resource, world: World) -> Iterator[Charge]:
    yield Charge("hours", "nat-hour", HOURS)
    yield Charge("data", "nat-gb", world.assumed["network_gigabytes"])


def _address(_resource: Resource, _world: World) -> Iterator[Charge]:
    yield Charge("hours", "ipv4-hour", HOURS)


def _trail(resource: Resource, world: World) -> Iterator[Charge]:
    """Charge data events; management events of the first trail are free."""
    if resource.properties.get("EventSelectors") or resource.properties.get(
        "AdvancedEventSelectors"
    ):
        yield Charge("data events", "cloudtrail-data-event", 12 * world.work.images, "images")


def _parameter(resource: Resource, _world: World) -> Iterator[Charge]:
    if resource.properties.get("Tier") == "Advanced":
        yield Charge("parameter", "parameter-advanced", 1)


STANDING: dict[str, Charges] = {
    "AWS::KMS::Key": _key,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::ApiGateway::Stage": _stage,
    "AWS::WAFv2::WebACL": _firewall,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": _composite,
    "AWS::CloudWatch::Dashboard": _dashboard,
    "AWS::EC2::VPCEndpoint": _interface,
    "AWS::EC2::NatGateway": _nat,
    "AWS::EC2::EIP": _address,
    "AWS::CloudTrail::Trail": _trail,
    "AWS::SSM::Parameter": _parameter,
}


def elsewhere(world: World) -> Iterator[Charge]:
    """Yield what no resource of a template is charged for."""
    yield Charge("container images", "ecr-storage", world.assumed["container_gigabytes"])
    yield Charge("answers to callers", "egress", world.assumed["egress_gigabytes"])
