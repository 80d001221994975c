"""Everything that is added to MiniStack, installed in one place."""

import re

from visionml.local import (
    alarms,
    calls,
    disturbances,
    events,
    execution_logs,
    image_functions,
    metrics,
    ministack,
    parameters,
    resources,
    rest_apis,
    steps,
    stream_mappings,
)
from visionml.local.analytics import install as analytics
from visionml.local.autoscaling import install as autoscaling
from visionml.local.batch import install as batch
from visionml.local.rekognition import install as rekognition
from visionml.local.sagemaker import install as sagemaker
from visionml.local.state import Project, State

_API_HOST = re.compile(r"https://([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com")


def install(project: Project, state: State) -> None:
    """Add to MiniStack what it lacks, before the first request."""
    calls.install(project)
    ministack.ask_for_keys()
    ministack.run_express_as_aws()
    execution_logs.install()
    metrics.install()
    alarms.install(state.account, state.region)
    events.install()
    resources.install()
    parameters.install()
    steps.install()
    ministack.name_handler_errors()
    ministack.measure_every_run()
    ministack.register_sessions_in_turn()
    ministack.name_metric_namespaces()
    image_functions.install(state.endpoint_url)
    rest_apis.install()
    stream_mappings.install()
    analytics.install()
    ministack.rewrite_outputs(
        lambda value: _API_HOST.sub(rf"{state.endpoint_url}/_aws/execute-api/\1", value)
    )
    rekognition.install(project)
    disturbances.install()
    autoscaling.install(state, sagemaker.install(project, state))
    batch.install(project, state)
