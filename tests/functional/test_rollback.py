"""Back to an earlier version: by the command, by active-version, and with the registry gone."""

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.functional.platform import Deployed, Trained
from tests.functional.queues import queue_of_events
from tests.functional.waiting import PATIENCE_SECONDS, until
from visionml.aws import executions
from visionml.aws.mailbox import Mailbox, mailbox
from visionml.aws.packages import Packages
from visionml.aws.parameters import Parameters
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.cli.main import app
from visionml.contracts.deployment import DeploymentOutcome
from visionml.contracts.events import DEPLOYMENT_SOURCE
from visionml.contracts.lineage import Node, deployment_node
from visionml.contracts.training import new_run_id
from visionml.errors import Conflict, NotFound
from visionml.local.state import Project
from visionml.registry.lineage import Lineage
from visionml.registry.versions import Versions
from visionml.workbench import Session


@dataclass(frozen=True)
class Two:
    """Two versions that have served; the second one does when the tests begin."""

    session: Session
    first: str
    second: str

    @property
    def versions(self) -> Versions:
        return Versions(Parameters(self.session.aws.parameters), self.session.settings.prefix)

    def machine(self) -> str:
        names, aws = self.session.names, self.session.aws
        return names.state_machine_arn(names.deployment_machine, aws.account)

    def started(self) -> list[str]:
        """Return the ids of all deployments so far."""
        found = self.session.aws.states.list_executions(stateMachineArn=self.machine())
        return [execution["name"] for execution in found["executions"]]

    def settled(self) -> tuple[str | None, str | None]:
        """Wait until no deployment runs; return what serves and what active-version names."""
        until(lambda: not list(executions.running(self.session.aws.states, self.machine())))
        return self.session.models.serving().version, self.versions.active()

    def set(self, value: str) -> None:
        """Set active-version as people do."""
        parameters = Parameters(self.session.aws.parameters)
        parameters.put(self.session.names.active_version_parameter, value)


def quiet(_step: object) -> None:
    """Tell nobody of steps."""


@pytest.fixture(scope="module")
def two(
    platform: Deployed,
    trained: Trained,
    another: Trained,
    promoted: DeploymentOutcome,
    local_project: Project,
) -> Two:
    """Promote the second version after the first one, from the command line."""
    session, first, second = platform.session, trained.run.run_id, another.run.run_id
    session.models.rollback(to=first, on_step=quiet)
    code, outcome = command(local_project, "promote", second)
    assert (code, outcome["outcome"], outcome["active_version"]) == (0, "promoted", second)
    return Two(session, first, second)


@pytest.fixture
def first_serves(two: Two) -> None:
    """Let the first version serve, whatever the test before came to."""
    two.session.models.rollback(to=two.first, on_step=quiet)
    two.settled()


@pytest.fixture
def second_serves(two: Two) -> None:
    """Let the second version serve."""
    two.session.models.rollback(to=two.second, on_step=quiet)
    two.settled()


@pytest.fixture
def post(two: Two) -> Iterator[Mailbox]:
    """What people are told."""
    names = two.session.names
    with mailbox(
        two.session.aws, "rollback", topic=names.alarm_topic, source=DEPLOYMENT_SOURCE
    ) as box:
        yield box


def told(post: Mailbox, *words: str) -> None:
    """Wait for a notification with these words."""

    def heard(_messages: object) -> bool:
        texts = [f"{message.title} {message.body}" for message in post.messages]
        return any(all(word in text for word in words) for text in texts)

    post.wait(heard, seconds=PATIENCE_SECONDS)


def command(project: Project, *arguments: str) -> tuple[int, Any]:
    """Run a command of the command line and return its exit code and what it printed."""
    with contextlib.chdir(project.folder.parent):
        answer = CliRunner().invoke(app, [*arguments, "--json"])
    return answer.exit_code, json.loads(answer.stdout)


def test_without_a_version_a_rollback_leads_to_the_previous_one_and_prints_the_outcome(
    two: Two, local_project: Project
) -> None:
    code, outcome = command(local_project, "rollback")
    assert code == 0
    assert (outcome["outcome"], outcome["kind"]) == ("promoted", "rollback")
    assert outcome["model_version"] == outcome["active_version"] == two.first
    assert two.settled() == (two.first, two.first)
    assert outcome["seconds"] > 0


def test_a_second_rollback_changes_nothing_and_says_so(two: Two, local_project: Project) -> None:
    before = two.started()
    code, outcome = command(local_project, "rollback")
    assert (code, outcome["outcome"]) == (10, "unchanged")
    assert "serves" in outcome["reason"]
    assert two.started() == before


def test_a_deployment_is_opened_with_the_time_of_each_step(two: Two) -> None:
    deployment = two.session.deployments.latest()
    table = two.session.deployments.table()
    row = table.loc[deployment.deployment_id]
    assert (row["kind"], row["version"], row["outcome"]) == ("rollback", two.first, "promoted")
    steps = deployment.timeline()
    assert {"Plan", "UpdateEndpoint", "Wait", "Record"} <= set(steps.index)
    assert (steps["began"].diff().dropna() >= 0).all()
    assert steps["seconds"].sum() == pytest.approx(row["seconds"], abs=3)


def test_setting_active_version_by_hand_puts_that_version_into_production(
    two: Two, first_serves: None
) -> None:
    before = two.started()
    two.set(two.second)
    until(lambda: two.session.models.serving().version == two.second)
    assert two.settled() == (two.second, two.second)
    (deployment,) = set(two.started()) - set(before)
    outcome = two.session.deployments.open(deployment).outcome()
    assert outcome is not None
    assert (outcome.kind, outcome.outcome) == ("rollback", "promoted")


def test_two_people_who_roll_back_at_once_get_one_rollback(two: Two, second_serves: None) -> None:
    before = two.started()
    with ThreadPoolExecutor(2) as people:
        outcomes = list(people.map(lambda _: two.session.models.rollback(on_step=quiet), range(2)))
    assert {outcome.model_version for outcome in outcomes} == {two.first}
    assert len(set(two.started()) - set(before)) == 1
    assert len({outcome.deployment_id for outcome in outcomes}) == 1
    assert two.settled() == (two.first, two.first)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("garbage", "is not the name of a model version"),
        ("run-20200101-000000-0000", "is not registered"),
    ],
)
def test_what_cannot_serve_is_taken_out_of_the_parameter_and_people_are_told(
    two: Two, first_serves: None, post: Mailbox, value: str, reason: str
) -> None:
    before = two.started()
    two.set(value)
    told(post, value, reason, two.first)
    assert two.settled() == (two.first, two.first)
    assert two.started() == before


def test_a_version_whose_artefact_is_gone_is_taken_out(
    two: Two, first_serves: None, post: Mailbox
) -> None:
    objects = Objects(two.session.aws.s3)
    address = two.versions.read(two.second).artefact
    content = objects.read_bytes(address)
    objects.delete(address)
    try:
        two.set(two.second)
        told(post, "is gone", two.second)
    finally:
        objects.write(address, content)
    assert two.settled() == (two.first, two.first)


def test_a_version_that_was_rejected_meanwhile_is_taken_out_after_it_was_refused(
    two: Two, first_serves: None, post: Mailbox
) -> None:
    packages = Packages(two.session.aws.sagemaker)
    arn = two.versions.read(two.second).model_package_arn
    packages.approve(arn, "Rejected", comment="a test says so")
    try:
        two.set(two.second)
        told(post, "active-version", two.second, "Rejected")
    finally:
        packages.approve(arn, "Approved")
    assert two.settled() == (two.first, two.first)


def test_a_version_that_never_served_is_not_rolled_back_to(two: Two) -> None:
    version = new_run_id()
    two.versions.write(two.versions.read(two.first).model_copy(update={"version": version}))
    try:
        with pytest.raises(Conflict, match="has never served"):
            two.session.models.rollback(to=version)
    finally:
        Parameters(two.session.aws.parameters).delete(two.session.names.version_parameter(version))
    with pytest.raises(NotFound, match="is not registered"):
        two.session.models.rollback(to=version)


def test_a_rollback_needs_no_registry(two: Two, first_serves: None) -> None:
    packages = Packages(two.session.aws.sagemaker)
    packages.delete(two.versions.read(two.second).model_package_arn)
    outcome = two.session.models.rollback(to=two.second, on_step=quiet)
    assert outcome.outcome == "promoted"
    assert two.settled() == (two.second, two.second)


def test_the_traffic_is_shown(two: Two, local_project: Project) -> None:
    code, shares = command(local_project, "traffic")
    assert code == 0
    assert [(each["variant"], each["share"]) for each in shares] == [("ModelA", 1)]


def test_the_cleaner_removes_what_was_retired_long_ago_and_nothing_else(two: Two) -> None:
    session = two.session
    objects, lineage = (
        Objects(session.aws.s3),
        Lineage(Table(session.aws.dynamodb, session.names.lineage_table)),
    )
    record = two.versions.read(two.first)
    version, old = "run-20200101-000000-aaaa", "dep-20200101-000000-aaaa"
    artefact = record.artefact.replace(two.first, version)
    objects.write(artefact, b"model")
    two.versions.write(record.model_copy(update={"version": version, "artefact": artefact}))
    for day, (deployment, served) in enumerate(
        [(old, version), ("dep-20200102-000000-aaaa", two.first)]
    ):
        node = Node(
            id=deployment_node(deployment),
            status="promoted",
            timestamp=datetime(2020, 1, 1 + day, tzinfo=UTC),
            facts={"model_version": served},
        )
        lineage.ensure(node)
    name = session.names.deployed(old)
    role = session.aws.sagemaker.describe_model(
        ModelName=session.names.deployed(two.session.models.serving().deployment_id or "")
    )["ExecutionRoleArn"]
    session.aws.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": record.image}
    )

    def cleaned(**event: object) -> dict[str, Any]:
        function = session.names.function("deployment_cleaner")
        answer = session.aws.client("lambda").invoke(
            FunctionName=function, Payload=json.dumps(event).encode()
        )
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        return found

    expected = {"hosted": [name], "versions": [version]}
    assert cleaned(dry_run=True) == expected
    assert cleaned() == expected
    assert cleaned() == {"hosted": [], "versions": []}
    assert not objects.exists(artefact)
    with pytest.raises(Conflict, match="was cleaned on"):
        session.models.rollback(to=version)
    assert two.settled() == (two.second, two.second)
    Parameters(session.aws.parameters).delete(session.names.version_parameter(version))


@pytest.fixture
def changes(aws: Aws) -> Iterator[Any]:
    """What EventBridge tells of changes below ``/told``."""
    sqs, events = aws.client("sqs"), aws.events
    queue, arn = queue_of_events(sqs, "told-of-parameters")
    pattern = {
        "source": ["aws.ssm"],
        "detail-type": ["Parameter Store Change"],
        "detail": {"name": [{"prefix": "/told/"}]},
    }
    events.put_rule(Name="told-of-parameters", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="told-of-parameters", Targets=[{"Id": "queue", "Arn": arn}])

    def taken() -> list[dict[str, Any]]:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    yield taken
    events.remove_targets(Rule="told-of-parameters", Ids=["queue"])
    events.delete_rule(Name="told-of-parameters")
    sqs.delete_queue(QueueUrl=queue)


def test_each_change_of_a_parameter_is_an_event(aws: Aws, changes: Any) -> None:
    store = Parameters(aws.parameters)
    store.put("/told/one", "a")
    store.put("/told/one", "b")
    store.delete("/told/one")
    store.delete("/told/one")
    told = changes()
    assert [event["detail"]["operation"] for event in told] == ["Create", "Update", "Delete"]
    assert {event["detail"]["name"] for event in told} == {"/told/one"}
    assert told[0]["resources"] == [f"arn:aws:ssm:{aws.region}:{aws.account}:parameter/told/one"]
