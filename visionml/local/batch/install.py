"""Adds AWS Batch to the embedded AWS."""

import shutil

from visionml.local import ministack
from visionml.local.batch import cloudformation, stepfunctions
from visionml.local.batch.attempts import Attempts
from visionml.local.batch.core import Environment, Job, State
from visionml.local.batch.dispatcher import Dispatcher
from visionml.local.batch.service import Service
from visionml.local.batch.wire import SERVICE
from visionml.local.batch.world import World
from visionml.local.sagemaker.cloud import Cloud
from visionml.local.state import Project
from visionml.local.state import State as Server


def install(project: Project, server: Server) -> None:
    """Serve Batch's API, its Step Functions integrations and its CloudFormation types."""
    folder = project.containers / "batch"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    cloud = Cloud(server.endpoint_url, server.ca_bundle, folder)
    state, attempts = State(), Attempts(cloud)

    def begin(job: Job, environment: Environment) -> None:
        attempts.begin(dispatcher, job, environment)

    dispatcher = Dispatcher(state, begin)
    service = Service(World(state, dispatcher, cloud))
    ministack.register_service(SERVICE, service.handle, reset=service.world.reset)
    stepfunctions.install(service)
    cloudformation.install(service)
    dispatcher.start()
