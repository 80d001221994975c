"""The CDK app: which stacks an environment has, and which builds on which."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from visionml.cdk.aspects import tag
from visionml.cdk.stacks.analytics import AnalyticsStack
from visionml.cdk.stacks.batch import BatchStack
from visionml.cdk.stacks.drift import DriftStack
from visionml.cdk.stacks.intake import IntakeStack
from visionml.cdk.stacks.monitoring import MonitoringStack
from visionml.cdk.stacks.network import NetworkStack
from visionml.cdk.stacks.serving import ServingStack
from visionml.cdk.stacks.storage import StorageStack
from visionml.cdk.stacks.training import TrainingStack
from visionml.contracts.settings import Settings


def build(
    settings: Settings, *, outdir: Path, context: Mapping[str, Any], validate: bool = False
) -> App:
    """Return the app of one environment, not yet synthesised."""
    app = App(
        outdir=str(outdir),
        context=dict(context),
        analytics_reporting=False,
        stack_traces=False,
        tree_metadata=False,
    )
    storage = StorageStack(app, settings=settings)
    network = NetworkStack(app, settings=settings, storage=storage)
    monitoring = MonitoringStack(app, settings=settings, storage=storage)
    AnalyticsStack(app, settings=settings, storage=storage)
    for stack in (IntakeStack, TrainingStack, ServingStack, BatchStack):
        stack(app, settings=settings, storage=storage, network=network, monitoring=monitoring)
    DriftStack(app, settings=settings, storage=storage, network=network)
    tag(app, settings)
    if validate:
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app
