"""What starts training runs without anybody's hand: the schedule, ready datasets, and drift."""

from aws_cdk import Duration, Stack
from aws_cdk.aws_events import EventPattern, Schedule
from constructs import Construct

from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.handler import Handler, Handlers
from visionml.cdk.units.permissions import allow, watch_executions
from visionml.cdk.units.rules import run_on
from visionml.contracts.environment import RunStarterEnvironment
from visionml.contracts.events import (
    DATASET_READY,
    DATASET_SOURCE,
    DRIFT_DETECTED,
    MONITORING_SOURCE,
)
from visionml.contracts.names import METRIC_NAMESPACE


class Triggers(Construct):
    """The function that starts runs, and a rule for each event that the settings ask for."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        buckets: Buckets,
    ) -> None:
        super().__init__(scope, id)
        training = handlers.settings.training
        self.starter = _starter(handlers, buckets)
        if training.dataset:
            run_on(
                self,
                "Schedule",
                self.starter,
                name=handlers.names.name("training-schedule"),
                description=f"Trains on {training.dataset} every {training.schedule_hours} hours.",
                schedule=Schedule.rate(Duration.hours(training.schedule_hours)),
            )
        if training.on_dataset_ready:
            run_on(
                self,
                "DatasetReady",
                self.starter,
                name=handlers.names.name("training-dataset-ready"),
                description="Trains on a dataset version when it has been imported.",
                event_pattern=EventPattern(
                    source=[DATASET_SOURCE],
                    detail_type=[DATASET_READY],
                    detail={"dataset": [training.dataset]} if training.dataset else None,
                ),
            )
        if training.on_drift:
            run_on(
                self,
                "Drift",
                self.starter,
                name=handlers.names.name("training-drift"),
                description="Trains anew when the answers in production drift.",
                event_pattern=EventPattern(
                    source=[MONITORING_SOURCE], detail_type=[DRIFT_DETECTED]
                ),
            )


def _starter(handlers: Handlers, buckets: Buckets) -> Handler:
    names, training = handlers.names, handlers.settings.training
    machine = names.state_machine_arn(names.training_machine, Stack.of(handlers).account)
    template = training.model_dump_json(
        include={"dataset", "architecture", "image_size", "hyperparameters"}
    )
    starter = handlers.add(
        "run_starter",
        RunStarterEnvironment(
            powertools_service_name="training",
            powertools_metrics_namespace=METRIC_NAMESPACE,
            training_machine_arn=machine,
            datasets_bucket=buckets.name("datasets"),
            run_template=template,
        ),
    )
    buckets.let_read(starter.role, "datasets", prefix="manifests/")
    allow(starter.role, ["states:StartExecution"], [machine])
    watch_executions(starter.role, names.training_machine)
    return starter
