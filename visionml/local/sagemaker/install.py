"""Adds SageMaker to the embedded AWS."""

import shutil

from visionml.local import ministack, stepfunctions
from visionml.local.sagemaker import cloudformation
from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.service import Service
from visionml.local.sagemaker.state import State
from visionml.local.state import Project
from visionml.local.state import State as Server


def install(project: Project, server: Server) -> Service:
    """Serve SageMaker's API, its Step Functions integrations and its CloudFormation types."""
    folder = project.containers / "sagemaker"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    cloud = Cloud(server.endpoint_url, server.ca_bundle, folder)
    service = Service(State(cloud))
    ministack.register_service("sagemaker", service.handle, reset=service.state.reset)
    stepfunctions.install(service)
    cloudformation.install(service)
    return service
