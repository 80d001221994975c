"""Adds Application Auto Scaling to the embedded AWS."""

from visionml.local import ministack
from visionml.local.autoscaling import cloudformation
from visionml.local.autoscaling.core import SERVICE, State
from visionml.local.autoscaling.deeds import Scaler
from visionml.local.autoscaling.fleet import Surroundings
from visionml.local.autoscaling.operations import Operations
from visionml.local.autoscaling.service import Service
from visionml.local.sagemaker.service import Service as SageMaker
from visionml.local.state import State as Server


def install(server: Server, sagemaker: SageMaker) -> None:
    """Serve the API and its CloudFormation types, and scale endpoints of `sagemaker`."""
    state = State()
    scaler = Scaler(state, Surroundings(sagemaker, server))
    service = Service(Operations(state, scaler))
    ministack.register_service(SERVICE, service.handle, reset=state.reset)
    cloudformation.install(service)
    scaler.start()
