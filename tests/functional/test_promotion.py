"""Guarded promotions: tried on staging, approved, shifted in steps, taken back by an alarm."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.functional.platform import Deployed, Trained
from tests.functional.waiting import PATIENCE_SECONDS, until
from visionml.aws import endpoint, executions
from visionml.aws.mailbox import Mailbox, mailbox
from visionml.aws.packages import Packages
from visionml.aws.parameters import Parameters
from visionml.aws.table import Table
from visionml.contracts.deployment import (
    DeploymentKind,
    DeploymentOutcome,
    DeploymentRequest,
    new_deployment_id,
)
from visionml.contracts.events import DEPLOYMENT_SOURCE
from visionml.contracts.lineage import Node, deployment_node
from visionml.contracts.names import METRIC_NAMESPACE
from visionml.contracts.probes import PROBE_ACCURACY
from visionml.contracts.training import new_run_id
from visionml.errors import JobFailed, RolledBack
from visionml.promotion.baseline import Baselines
from visionml.promotion.claim import Claims
from visionml.registry.lineage import Lineage
from visionml.workbench import Session

BAKE_SECONDS = 240
"""Time enough for an alarm to ring on any machine; the alarm ends it."""


@dataclass(frozen=True)
class Machine:
    """The deployment machine, and two versions: the first one serves when the tests begin."""

    session: Session
    first: str
    second: str

    @property
    def table(self) -> Table:
        return Table(self.session.aws.dynamodb, self.session.names.lineage_table)

    def start(self, version: str, kind: DeploymentKind = "promotion", **beside: str) -> str:
        """Start a deployment and return its execution."""
        request = DeploymentRequest.model_validate(
            {
                "model_version": version,
                "deployment_id": new_deployment_id(),
                "kind": kind,
                **beside,
            }
        )
        names, aws = self.session.names, self.session.aws
        arn = names.state_machine_arn(names.deployment_machine, aws.account)
        return executions.start(
            aws.states, arn, name=request.deployment_id, payload=request.model_dump(mode="json")
        )

    def steps(self, execution: str) -> list[str]:
        return [step.name for step in executions.entered(self.session.aws.states, execution)]

    def reaches(self, execution: str, step: str) -> None:
        until(lambda: step in self.steps(execution))

    def end(self, execution: str) -> DeploymentOutcome:
        output = executions.watch(self.session.aws.states, execution, interval_seconds=0.2)
        return DeploymentOutcome.model_validate(output)

    def node(self, execution: str) -> Node:
        return Lineage(self.table).get(deployment_node(execution.rsplit(":", 1)[-1]))

    def approve(self, version: str, approval: Any) -> None:
        arn = self.session.models.open(version).model_package_arn
        Packages(self.session.aws.sagemaker).approve(arn, approval)

    @contextmanager
    def function(self, module: str, **variables: str) -> Iterator[None]:
        """Give a function other variables for a while."""
        functions, name = self.session.aws.client("lambda"), self.session.names.function(module)
        usual = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**usual, **variables}}
        )
        try:
            yield
        finally:
            functions.update_function_configuration(
                FunctionName=name, Environment={"Variables": usual}
            )

    def plans(self, **update: Any) -> Any:
        """Let deployments be planned with other settings for a while."""
        rollout = self.session.settings.serving.rollout.model_copy(update=update)
        return self.function("deployment_planner", ROLLOUT=rollout.model_dump_json())

    def probes(self, accuracy: float) -> None:
        """Publish what probes would: how known images are read."""
        names = self.session.names
        dimensions = [{"Name": "EndpointName", "Value": names.endpoint}]
        figure: Any = {
            "MetricName": PROBE_ACCURACY,
            "Dimensions": dimensions,
            "Value": accuracy,
        }
        self.session.aws.cloudwatch.put_metric_data(Namespace=METRIC_NAMESPACE, MetricData=[figure])

    def ringing(self) -> list[str]:
        found = self.session.aws.cloudwatch.describe_alarms(
            AlarmNames=list(self.session.names.rollback_alarms()), StateValue="ALARM"
        )
        return [alarm["AlarmName"] for alarm in found["MetricAlarms"]]


@pytest.fixture(scope="module")
def machine(
    platform: Deployed, trained: Trained, another: Trained, promoted: DeploymentOutcome
) -> Machine:
    machine = Machine(platform.session, trained.run.run_id, another.run.run_id)
    if machine.session.models.serving().version != machine.first:
        machine.end(machine.start(machine.first, "rollback"))
    until(lambda: not machine.ringing())
    return machine


@pytest.fixture
def post(machine: Machine) -> Iterator[Mailbox]:
    """What people and programs are told."""
    topic = machine.session.names.alarm_topic
    with mailbox(machine.session.aws, "promotion", topic=topic, source=DEPLOYMENT_SOURCE) as box:
        yield box


def told(post: Mailbox, execution: str, outcome: str) -> None:
    """Wait for the event and the notification of a deployment's outcome."""
    name = execution.rsplit(":", 1)[-1]

    def heard(_messages: object) -> bool:
        ended = [each.body for each in post.messages if each.origin == "event"]
        texts = [str(each.body) for each in post.messages if each.origin == "notification"]
        return any(
            each["deployment_id"] == name and each["outcome"] == outcome for each in ended
        ) and any(f"{name} of " in text and f"ended: {outcome}" in text for text in texts)

    post.wait(heard, seconds=PATIENCE_SECONDS)


def test_a_rejected_package_changes_nothing(machine: Machine, post: Mailbox) -> None:
    machine.approve(machine.second, "PendingManualApproval")
    try:
        with machine.plans(approval="manual"):
            execution = machine.start(machine.second)
            machine.reaches(execution, "AwaitApproval")
            machine.approve(machine.second, "Rejected")
            with pytest.raises(JobFailed, match=r"AwaitApproval: ApprovalRejected: .*rejected"):
                machine.end(execution)
    finally:
        machine.approve(machine.second, "Approved")
    told(post, execution, "unchanged")
    assert "UpdateEndpoint" not in machine.steps(execution)
    assert machine.session.models.active() == machine.first


def test_an_approved_version_goes_by_staging_and_a_canary_to_production(
    machine: Machine, post: Mailbox
) -> None:
    machine.approve(machine.second, "PendingManualApproval")
    session = machine.session
    with machine.plans(approval="manual"):
        execution = machine.start(machine.second)
        machine.reaches(execution, "AwaitApproval")
        staging = session.names.staging_endpoint
        until(lambda: endpoint.find(session.aws.sagemaker, staging) is None)
        with pytest.raises(JobFailed, match=r"at the step Plan: Conflict: .*is being prepared"):
            machine.end(machine.start(machine.second))
        machine.approve(machine.second, "Approved")
        machine.reaches(execution, "Describe")
        with pytest.raises(JobFailed, match=r"at the step Plan: Conflict: .*updates it"):
            machine.end(machine.start(machine.first, "rollback"))
        outcome = machine.end(execution)
    told(post, execution, "promoted")
    facts: Any = machine.node(execution).facts
    (check,) = facts["staging"]["checks"]
    baselines = Baselines(Parameters(session.aws.parameters), session.settings.prefix)
    assert (outcome.outcome, outcome.strategy) == ("promoted", "canary")
    assert (outcome.previous_version, outcome.active_version) == (machine.first, machine.second)
    assert session.models.active() == machine.second
    assert check["images"] == session.settings.serving.rollout.holdout_images
    assert check["accuracy"] >= check["expected_accuracy"] - 0.02
    assert facts["armed_alarms"] == list(session.names.rollback_alarms())
    assert baselines.read(machine.second).deployment_id == outcome.deployment_id
    assert Claims(machine.table, session.names.endpoint).holder() is None


def test_what_staging_finds_wanting_never_reaches_production(
    machine: Machine, post: Mailbox
) -> None:
    session = machine.session
    serves = session.models.active()
    with machine.function("staging_checker", HOLDOUT_LOSS="-1"):
        execution = machine.start(machine.first, challenger_version=machine.second)
        with pytest.raises(JobFailed, match=r"StagingFailed: ModelA .* rightly.* ModelB .* right"):
            machine.end(execution)
    told(post, execution, "unchanged")
    node: Any = machine.node(execution)
    assert (node.status, node.facts["step"]) == ("unchanged", "CheckStaging")
    checked = {each["variant"]: each["version"] for each in node.facts["staging"]["checks"]}
    assert checked == {"ModelA": machine.first, "ModelB": machine.second}
    assert all(each["images"] > 0 for each in node.facts["staging"]["checks"])
    assert "UpdateEndpoint" not in machine.steps(execution)
    until(lambda: endpoint.find(session.aws.sagemaker, session.names.staging_endpoint) is None)
    assert session.models.active() == serves


def test_an_alarm_takes_a_rollout_back_and_bars_the_next_one(
    machine: Machine, post: Mailbox
) -> None:
    session = machine.session
    serves = session.models.active()
    version = machine.first if serves == machine.second else machine.second
    with machine.plans(bake_seconds=BAKE_SECONDS):
        execution = machine.start(version, shadow_version=str(serves))
        machine.reaches(execution, "Describe")
    assert "CreateShadowedConfig" in machine.steps(execution)

    def rings() -> list[str]:
        machine.probes(0)
        return machine.ringing()

    until(rings)
    with pytest.raises(RolledBack, match="rollback-probes"):
        machine.end(execution)
    machine.probes(0)
    with pytest.raises(JobFailed, match=r"at the step Plan: Conflict: .*in ALARM already"):
        machine.end(machine.start(version))
    told(post, execution, "rolled_back")
    state = endpoint.describe(session.aws.sagemaker, session.names.endpoint)
    node = machine.node(execution)
    assert (node.status, node.facts["active_version"]) == ("rolled_back", serves)
    assert state.config_name == node.facts["endpoint_config_name"]
    assert session.models.active() == serves
    until(lambda: not machine.ringing())


def test_an_alarm_that_is_not_there_is_refused_before_anything_is_created(
    machine: Machine,
) -> None:
    version = machine.first if machine.session.models.active() != machine.first else machine.second
    with machine.function("deployment_planner", ROLLBACK_ALARMS="no-such-alarm"):
        execution = machine.start(version)
        with pytest.raises(JobFailed, match="There is no alarm no-such-alarm"):
            machine.end(execution)
    assert "CreateModels" not in machine.steps(execution)


@pytest.mark.parametrize("kind", ["promotion", "rollback"])
def test_a_version_whose_model_is_gone_is_refused(machine: Machine, kind: DeploymentKind) -> None:
    session, version = machine.session, new_run_id()
    record = session.models.open(machine.first)
    gone = record.model_copy(
        update={"version": version, "artefact": f"{record.artefact}.gone"}
    ).model_dump(mode="json")
    parameters = Parameters(session.aws.parameters)
    name = session.names.version_parameter(version)
    parameters.put(name, json.dumps(gone), new=True)
    try:
        with pytest.raises(JobFailed, match=r"at the step Plan: NotFound: .*is gone"):
            machine.end(machine.start(version, kind))
    finally:
        parameters.delete(name)
