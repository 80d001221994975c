"""The main job, end to end: from scans to predictions by a model that was trained on them."""

import json

import pytest

from tests.functional.platform import Deployed, Trained
from visionml.aws import endpoint, executions
from visionml.aws.packages import Packages
from visionml.aws.table import Table
from visionml.contracts.deployment import DeploymentOutcome, new_deployment_id
from visionml.contracts.lineage import dataset_node, deployment_node, model_node, run_node
from visionml.contracts.training import new_run_id
from visionml.errors import Conflict, GateFailed, JobFailed
from visionml.promotion import start
from visionml.registry.lineage import Lineage


def lineage(platform: Deployed) -> Lineage:
    return Lineage(Table(platform.session.aws.dynamodb, platform.session.names.lineage_table))


def test_a_run_goes_through_every_step_and_registers_its_model(
    platform: Deployed, trained: Trained
) -> None:
    record = platform.session.models.open(trained.run.run_id)
    package = Packages(platform.session.aws.sagemaker).describe(record.model_package_arn)
    for step in ("PlanRun", "Prepare", "Train", "Evaluate", "Gate", "Register", "Done"):
        assert step in trained.steps
    assert trained.report.accuracy >= 0.97
    assert record.metrics["accuracy"] == trained.report.accuracy
    assert package.approval == "Approved"
    assert package.artefact == record.artefact
    assert package.properties["dataset_version"] == platform.dataset.version
    assert package.properties["recommended"] == "true"
    card = json.loads(package.card)
    (trained_on,) = card["training_details"]["training_job_details"]["training_datasets"]
    assert f"{platform.dataset.name}@{platform.dataset.version}: " in trained_on


def test_the_evaluation_measures_what_the_gates_ask_for(trained: Trained) -> None:
    report = trained.report
    assert report.calibration is not None
    assert report.latency_ms is not None
    assert report.threshold is not None
    assert report.threshold.target_accuracy == 0.99
    assert report.comparison is None
    assert set(report.slices) == {"brightness", "sharpness", "size"}
    assert report.intervals["accuracy"][0] < report.accuracy <= report.intervals["accuracy"][1]


def test_the_training_log_tells_every_epoch(trained: Trained) -> None:
    history = trained.run.history()
    assert list(history.index) == list(range(1, len(history) + 1))
    assert history["validation_accuracy"].iloc[-1] > 0.9


def test_a_promotion_serves_what_was_asked_for_and_moves_the_active_version(
    platform: Deployed, trained: Trained, promoted: DeploymentOutcome
) -> None:
    assert promoted.outcome == "promoted"
    assert promoted.active_version == trained.run.run_id == platform.session.models.active()
    assert promoted.endpoint_config_name == platform.session.names.deployed(promoted.deployment_id)
    state = endpoint.describe(platform.session.aws.sagemaker, platform.session.names.endpoint)
    assert state.in_service
    assert platform.session.models.serving().version == trained.run.run_id


def test_the_api_reads_images_with_the_promoted_model(
    platform: Deployed, promoted: DeploymentOutcome
) -> None:
    samples = platform.dataset.samples(2, split="holdout")
    answers = [platform.session.api.predict(sample.content) for sample in samples]
    right = [a.label == s.entry.label for a, s in zip(answers, samples, strict=True)]
    assert sum(right) >= 0.9 * len(right)
    assert {answer.model_version for answer in answers} == {promoted.model_version}
    assert {answer.variant for answer in answers} == {"ModelA"}
    assert len({answer.prediction_id for answer in answers}) == len(samples)
    assert sum(answers[0].probabilities.values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("key", ["", "not-a-key"])
def test_the_api_refuses_who_has_no_key(
    platform: Deployed, promoted: DeploymentOutcome, key: str
) -> None:
    sample = platform.dataset.samples(1, split="holdout")[0]
    assert platform.session.api.ask(sample.content, content_type="image/png", key=key).status == 403


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png", 400),
        (b"", "image/png", 400),
        (b'{"image": 1}', "application/json", 400),
        (b"hello", "text/plain", 415),
    ],
)
def test_the_api_says_what_is_wrong_with_a_request(
    platform: Deployed,
    promoted: DeploymentOutcome,
    body: bytes,
    content_type: str,
    status: int,
) -> None:
    answer = platform.session.api.ask(body, content_type=content_type)
    assert answer.status == status
    assert answer.body["error"]["message"]


def test_lineage_answers_which_dataset_and_run_made_the_model_and_where_it_serves(
    platform: Deployed, promoted: DeploymentOutcome
) -> None:
    version = promoted.model_version
    graph = lineage(platform).trace(model_node(version))
    story = {
        model_node(version): "serving",
        run_node(version): "registered",
        dataset_node(platform.dataset.name, platform.dataset.version): "imported",
        deployment_node(promoted.deployment_id): "promoted",
    }
    assert {node.id: node.status for node in graph.nodes}.items() >= story.items()
    assert len(graph.of_kind("RUN")) == len(graph.of_kind("DATASET")) == 1
    run = graph.node(run_node(version))
    assert run is not None
    assert run.facts["hyperparameters"] == {"epochs": "8", "batch_size": "64", "seed": "0"}


def test_a_model_below_the_gate_is_not_registered_and_says_why(platform: Deployed) -> None:
    run = platform.start(platform.few, epochs=1, learning_rate=1e-6)
    with pytest.raises(GateFailed, match=r"accuracy 0\.\d+ is below 0\.95"):
        run.watch(on_step=lambda _: None)
    node = lineage(platform).get(run_node(run.run_id))
    assert node.status == "rejected"
    assert "is below 0.95" in str(node.facts["reason"])
    assert lineage(platform).find(model_node(run.run_id)) is None
    assert run.run_id not in platform.session.models.registered().index
    outcome = run.watch(on_step=lambda _: None, accept_rejection=True)
    assert (outcome.status, outcome.recommended) == ("rejected", False)
    assert outcome.reason == node.facts["reason"]


def test_a_run_id_never_trains_twice(platform: Deployed, trained: Trained) -> None:
    run_id = trained.run.run_id
    with pytest.raises(Conflict, match="other settings"):
        platform.start(platform.dataset, run_id=run_id, epochs=1)
    states, names = platform.session.aws.states, platform.session.names
    machine = names.state_machine_arn(names.training_machine, platform.session.aws.account)
    request = json.loads(
        states.describe_execution(executionArn=executions.arn_of(machine, run_id))["input"]
    )
    again = executions.start(states, machine, name=new_run_id(), payload=request)
    with pytest.raises(JobFailed, match=r"at the step PlanRun: Conflict: .*never trains"):
        executions.watch(states, again, interval_seconds=0.2)
    assert lineage(platform).get(run_node(run_id)).status == "registered"


def test_a_failed_job_names_its_step_and_registers_nothing(platform: Deployed) -> None:
    run = platform.start(platform.few, epochz=3)
    with pytest.raises(JobFailed, match=r"at the step Train: .*epochz"):
        run.watch(on_step=lambda _: None)
    node = lineage(platform).get(run_node(run.run_id))
    assert (node.status, node.facts["step"]) == ("failed", "Train")
    assert "epochz" in str(node.facts["cause"])
    assert lineage(platform).find(model_node(run.run_id)) is None


def test_a_version_that_is_not_registered_is_not_deployed(
    platform: Deployed, promoted: DeploymentOutcome
) -> None:
    states, names = platform.session.aws.states, platform.session.names
    machine = names.state_machine_arn(names.deployment_machine, platform.session.aws.account)
    deployment = start.start(
        states, machine, new_run_id(), deployment_id=(wanted := new_deployment_id())
    )
    with pytest.raises(JobFailed, match=r"at the step Plan: NotFound: .*is not registered"):
        start.watch(states, deployment, interval_seconds=0.2)
    assert lineage(platform).get(deployment_node(wanted)).status == "unchanged"
    assert platform.session.models.active() == promoted.model_version


def test_a_package_that_is_not_approved_is_not_deployed(
    platform: Deployed, promoted: DeploymentOutcome
) -> None:
    packages = Packages(platform.session.aws.sagemaker)
    arn = platform.session.models.open(promoted.model_version).model_package_arn
    packages.approve(arn, "Rejected", comment="a test says so")
    try:
        with pytest.raises(JobFailed, match=r"at the step Plan: .*is Rejected, not Approved"):
            platform.session.models.promote(promoted.model_version, on_step=lambda _: None)
    finally:
        packages.approve(arn, "Approved")
    assert platform.session.models.active() == promoted.model_version


def test_promoting_the_active_version_again_changes_nothing(
    platform: Deployed, promoted: DeploymentOutcome
) -> None:
    sagemaker, name = platform.session.aws.sagemaker, platform.session.names.endpoint
    before = endpoint.describe(sagemaker, name)
    outcome = platform.session.models.promote(promoted.model_version, on_step=lambda _: None)
    assert outcome.outcome == "unchanged"
    assert outcome.active_version == promoted.model_version
    assert outcome.endpoint_config_name == before.config_name
    assert endpoint.describe(sagemaker, name).config_name == before.config_name
