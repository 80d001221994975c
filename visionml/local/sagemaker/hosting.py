"""Endpoints: what they serve, and how they come, change and go."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from visionml.local.sagemaker import wire
from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Document, Record, Store, now
from visionml.local.sagemaker.fleet import Fleet, Route, Traffic, Variant
from visionml.local.sagemaker.instance import Design, LaunchFailed

log = logging.getLogger(__name__)

HEALTH_CHECK_SECONDS = 480.0
"""How long a container may take to answer ``/ping`` when the configuration does not say."""


class Model(Record):
    """A container image with a model."""


class EndpointConfig(Record):
    """Which models an endpoint serves, on what."""


class ModelGone(Exception):
    """A configuration names a model that has been deleted; the text is a ``FailureReason``."""


@dataclass(eq=False)
class Endpoint(Record):
    """An endpoint and where it stands."""

    status: str = "Creating"
    config_name: str = ""
    """The configuration that serves."""
    fleet: Fleet | None = None
    pending: Fleet | None = None
    """The fleet that an update is bringing up."""
    traffic: Traffic = field(default_factory=Traffic)

    def described(self) -> Document:
        """Return the description."""
        with self.lock:
            description = {
                **super().described(),
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointConfigName": self.config_name,
                "EndpointStatus": self.status,
            }
            if self.fleet is not None:
                description["ProductionVariants"] = [v.summary() for v in self.fleet.variants]
            if self.pending is not None:
                description["PendingDeploymentSummary"] = {
                    "EndpointConfigName": self.pending.config_name,
                    "ProductionVariants": [v.summary() for v in self.pending.variants],
                    "StartTime": self.modified,
                }
            return description

    def become(self, cloud: Cloud, status: str, *, reason: str | None = None) -> None:
        """Change the status, with the reason of a failure, and announce it."""
        with self.lock:
            self.status = status
            self.learn(FailureReason=reason)
        detail = wire.output("DescribeEndpoint", self.described(), wire.milliseconds)
        detail["EndpointStatus"] = _in_event(status)
        cloud.announce(self.scope, "SageMaker Endpoint State Change", detail, [self.arn])


def create(endpoint: Endpoint, fleet: Fleet, cloud: Cloud) -> None:
    """Bring a new endpoint into service, or fail it."""
    endpoint.fleet = fleet
    endpoint.become(cloud, "Creating")
    reason = _launched(fleet)
    if reason:
        fleet.stop()
        endpoint.become(cloud, "Failed", reason=reason)
        return
    endpoint.traffic.send_to(Route(fleet, 1.0))
    endpoint.become(cloud, "InService")


def update(
    endpoint: Endpoint, fleet: Fleet, cloud: Cloud, *, shift: Callable[[Endpoint, Fleet], None]
) -> None:
    """Put a new fleet in the place of the one that serves; `shift` moves the traffic over.

    The old fleet ends when it has answered what it had taken. When the new one does not come into
    service, the old one goes on serving.
    """
    endpoint.pending = fleet
    endpoint.become(cloud, "Updating")
    reason = _launched(fleet)
    if reason:
        endpoint.pending = None
        fleet.stop()
        endpoint.become(cloud, "InService", reason=reason)
        return
    shift(endpoint, fleet)
    with endpoint.lock:
        old, endpoint.fleet, endpoint.pending = endpoint.fleet, fleet, None
        endpoint.config_name = fleet.config_name
    if old is not None:
        old.drain()
        old.stop()
    endpoint.become(cloud, "InService")


def all_at_once(endpoint: Endpoint, fleet: Fleet) -> None:
    """Send every further request to the new fleet."""
    endpoint.traffic.send_to(Route(fleet, 1.0))


def delete(endpoint: Endpoint, cloud: Cloud, store: Store[Endpoint]) -> None:
    """End an endpoint when it has answered what it had taken."""
    endpoint.traffic.send_to()
    if endpoint.fleet is not None:
        endpoint.fleet.drain()
        endpoint.fleet.stop()
    store.remove(endpoint)
    endpoint.become(cloud, "Deleted")


def fleet_of(
    config: EndpointConfig, endpoint_name: str, models: Store[Model], cloud: Cloud
) -> Fleet:
    """Return the fleet that a configuration asks for, not yet launched.

    Raises
    ------
    ModelGone
        A model that it names does not exist any more.
    """
    variants = []
    for variant in config.request["ProductionVariants"]:
        model = models.get(config.scope, variant["ModelName"])
        if model is None:
            arn = config.scope.arn("model", variant["ModelName"])
            raise ModelGone(f'Could not find model "{arn}".')
        container = model.request["PrimaryContainer"]
        design = Design(
            config.scope,
            endpoint_name,
            variant["VariantName"],
            container,
            model.request["ExecutionRoleArn"],
            bool(model.request.get("EnableNetworkIsolation")),
            float(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", HEALTH_CHECK_SECONDS)),
        )
        image = {
            "SpecifiedImage": container["Image"],
            "ResolvedImage": container["Image"],
            "ResolutionTime": now(),
        }
        weight = float(variant.get("InitialVariantWeight", 1.0))
        variants.append(
            Variant(variant, design, cloud, weight, int(variant["InitialInstanceCount"]), image)
        )
    return Fleet(config.name, variants)


def _launched(fleet: Fleet) -> str | None:
    """Launch a fleet; return why it failed, None when it is in service."""
    try:
        fleet.launch()
    except LaunchFailed as failed:
        return str(failed)
    except Exception as error:
        log.exception("The fleet of %s failed.", fleet.config_name)
        return f"InternalServerError: {type(error).__name__}: {error}"
    return None


def _in_event(status: str) -> str:
    words = "".join(f"_{letter}" if letter.isupper() else letter for letter in status)
    return words.lstrip("_").upper()
