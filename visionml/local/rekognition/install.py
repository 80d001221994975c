"""Adds Rekognition to the embedded AWS."""

from visionml.local import ministack
from visionml.local.rekognition.service import NAME, Service
from visionml.local.state import Project


def install(project: Project) -> None:
    """Serve its API; nothing that looks at pictures is started before somebody asks."""
    service = Service(project)
    ministack.register_service(NAME, service.handle, reset=service.close)
