"""Which version serves: read off the endpoint, whatever is written down elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass

from visionml.aws.endpoint import EndpointState
from visionml.aws.s3 import parse_uri
from visionml.contracts.layout import run_of
from visionml.contracts.names import deployed
from visionml.registry.versions import Versions


@dataclass(frozen=True)
class InService:
    """What an endpoint runs as its main variant."""

    endpoint: EndpointState
    version: str | None
    """None where no registered version is behind it, such as before the first promotion."""
    deployment_id: str | None
    """None where its configuration was not made by a deployment."""


def in_service(
    endpoint: EndpointState,
    *,
    artefact: Callable[[str], str | None],
    versions: Versions,
    prefix: str,
    environment: str,
) -> InService:
    """Return what an endpoint runs; `artefact` takes a configuration's name, ModelA meant."""
    start = deployed(prefix, environment, "")
    name = endpoint.config_name
    return InService(
        endpoint=endpoint,
        version=_version(artefact(name), versions),
        deployment_id=name.removeprefix(start) if name.startswith(start) else None,
    )


def _version(artefact: str | None, versions: Versions) -> str | None:
    """Return the version of an artefact: its run, when that version has this very artefact."""
    run = run_of(parse_uri(artefact).key) if artefact else None
    record = versions.find(run) if run else None
    return record.version if record and record.artefact == artefact else None
