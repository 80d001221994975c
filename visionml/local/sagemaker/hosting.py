"""Endpoints: what they serve, and how they come, change and go."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from visionml.local.sagemaker import wire
from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Document, Record, Scope, Store, now
from visionml.local.sagemaker.fleet import Fleet, Route, Traffic, Variant
from visionml.local.sagemaker.instance import Design, LaunchFailed

log = logging.getLogger(__name__)

HEALTH_CHECK_SECONDS = 480.0
"""How long a container may take to answer ``/ping`` when the configuration does not say."""


class Model(Record):
    """A container image with a model."""


class EndpointConfig(Record):
    """Which models an endpoint serves, on what."""


class Events(Protocol):
    """Where endpoints announce what happens to them."""

    def announce(
        self, scope: Scope, detail_type: str, detail: Document, resources: Sequence[str]
    ) -> None:
        """Publish an EventBridge event."""


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
    pending_since: datetime | None = None
    traffic: Traffic = field(default_factory=Traffic)
    over: threading.Event = field(default_factory=threading.Event)
    """Set when the embedded AWS forgets the endpoint: a deployment ends then."""

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
                description.update(self.fleet.summaries())
            if self.pending is not None:
                description["PendingDeploymentSummary"] = {
                    "EndpointConfigName": self.pending.config_name,
                    **self.pending.summaries(),
                    "StartTime": self.pending_since,
                }
            return description

    def begin(self, fleet: Fleet) -> None:
        """Have a fleet that is to take over."""
        with self.lock:
            self.pending, self.pending_since = fleet, now()

    def end(self, fleet: Fleet) -> None:
        """Be served by a fleet, with none to take over."""
        with self.lock:
            self.fleet, self.pending, self.pending_since = fleet, None, None
            self.config_name = fleet.config_name

    def become(self, events: Events, status: str, *, reason: str | None = None) -> None:
        """Change the status, with the reason of a failure, and announce it."""
        with self.lock:
            self.status = status
            self.learn(FailureReason=reason)
        self._announce(events, "SageMaker Endpoint State Change")

    def progressed(self, events: Events) -> None:
        """Announce that a variant's status has changed."""
        self.learn()
        self._announce(events, "SageMaker Endpoint Deployment State Change")

    def _announce(self, events: Events, detail_type: str) -> None:
        with self.lock:
            detail = wire.output("DescribeEndpoint", self.described(), wire.milliseconds)
            detail["EndpointStatus"] = _in_event(self.status)
            detail["Tags"] = dict(self.tags)
        events.announce(self.scope, detail_type, detail, [self.arn])


def create(endpoint: Endpoint, fleet: Fleet, cloud: Events) -> None:
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


def delete(endpoint: Endpoint, cloud: Events, store: Store[Endpoint]) -> None:
    """End an endpoint when it has answered what it had taken."""
    endpoint.traffic.send_to()
    for fleet in (endpoint.fleet, endpoint.pending):
        if fleet is not None:
            fleet.drain()
            fleet.stop()
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
    members = ("ProductionVariants", "ShadowProductionVariants")
    production, shadows = (
        [_variant(config, each, endpoint_name, models, cloud) for each in config.request.get(m, [])]
        for m in members
    )
    return Fleet(config.name, production, shadows)


def _variant(
    config: EndpointConfig,
    variant: Document,
    endpoint_name: str,
    models: Store[Model],
    cloud: Cloud,
) -> Variant:
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
    return Variant(variant, design, cloud, weight, int(variant["InitialInstanceCount"]), image)


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
