"""A model is registered once, completely, and only when it earned it."""

import json

import pytest

from tests.fakes import events
from tests.fakes.objects import MemoryObjects
from tests.fakes.packages import MemoryPackages
from tests.fakes.parameters import MemoryParameters
from tests.fakes.table import MemoryTable
from visionml.aws.packages import Approval
from visionml.contracts.evaluation import EvaluationReport
from visionml.contracts.lineage import dataset_node, model_node
from visionml.contracts.training import RegistrationRequest
from visionml.errors import GateFailed, InvalidInput, NotFound
from visionml.registry.lineage import Lineage
from visionml.registry.register import Registry
from visionml.registry.versions import Versions

WANTED = RegistrationRequest.model_validate(events.load("model_registrar"))
RUN = WANTED.request.run_id
REJECTED = events.load("run_recorder.rejected")["verdict"]


class Platform:
    """A registry with everything that stands around it, in memory."""

    def __init__(self, *, approval: Approval = "Approved") -> None:
        report = json.dumps(events.load("evaluation_report")).encode()
        self.objects = MemoryObjects(
            {WANTED.artefact_s3_uri: b"model", WANTED.evaluation_s3_uri: report}
        )
        self.packages = MemoryPackages()
        self.versions = Versions(MemoryParameters(), "ml-pipeline")
        self.lineage = Lineage(MemoryTable())
        self.registry = Registry(
            group="ml-pipeline-models",
            packages=self.packages,
            versions=self.versions,
            lineage=self.lineage,
            objects=self.objects,
            approval=approval,
        )


@pytest.fixture
def platform() -> Platform:
    return Platform()


def test_where_a_person_decides_a_new_package_waits_for_it() -> None:
    platform = Platform(approval="PendingManualApproval")
    model = platform.registry.register(WANTED, image="image:1")
    package = platform.packages.describe(model.model_package_arn)
    assert package.approval == "PendingManualApproval"


def test_a_model_gets_a_package_a_version_and_lineage(platform: Platform) -> None:
    model = platform.registry.register(WANTED, image="image:1")
    package = platform.packages.describe(model.model_package_arn)
    version = platform.versions.read(RUN)
    graph = platform.lineage.trace(model_node(RUN))
    assert model.model_version == RUN
    assert (package.approval, package.image) == ("Approved", "image:1")
    assert package.properties["dataset_version"] == WANTED.request.dataset_version
    assert package.properties["recommended"] == "true"
    assert json.loads(package.card)["model_overview"]["model_artifact"] == [WANTED.artefact_s3_uri]
    assert version.model_package_arn == model.model_package_arn
    assert version.metrics["accuracy"] == 0.9833
    assert (version.metrics["ece"], version.metrics["latency_p99_ms"]) == (0.0151, 1.2)
    assert version.recommended
    assert [(edge.source, edge.relation) for edge in graph.edges] == [(f"RUN#{RUN}", "produced")]
    assert graph.nodes[0].status == "registered"


def test_a_challenger_within_noise_is_registered_but_not_recommended(platform: Platform) -> None:
    verdict = WANTED.verdict.model_copy(update={"recommended": False})
    model = platform.registry.register(
        WANTED.model_copy(update={"verdict": verdict}), image="image:1"
    )
    package = platform.packages.describe(model.model_package_arn)
    facts = platform.lineage.get(model_node(RUN)).facts
    assert package.properties["recommended"] == "false"
    assert not platform.versions.read(RUN).recommended
    assert facts["recommended"] is False
    assert isinstance(facts["comparison"], dict)
    assert facts["comparison"]["champion_version"] == "run-20261101-090000-0f0f"


def test_the_card_knows_what_lineage_knows_of_the_dataset(platform: Platform) -> None:
    request = WANTED.request
    platform.lineage.update(
        dataset_node(request.dataset, request.dataset_version),
        status="imported",
        facts={"train": 1259, "validation": 270},
    )
    model = platform.registry.register(WANTED, image="image:1")
    card = json.loads(platform.packages.describe(model.model_package_arn).card)
    (trained_on,) = card["training_details"]["training_job_details"]["training_datasets"]
    assert trained_on.endswith("1259 training, 270 validation images")


def test_a_first_report_is_registered_without_what_it_did_not_measure(platform: Platform) -> None:
    report = events.load("evaluation_report")
    required = {name for name, f in EvaluationReport.model_fields.items() if f.is_required()}
    first = {name: report[name] for name in required}
    platform.objects.objects[WANTED.evaluation_s3_uri] = json.dumps(first).encode()
    platform.registry.register(WANTED, image="image:1")
    metrics = platform.versions.read(RUN).metrics
    assert metrics["accuracy"] == 0.9833
    assert metrics.keys().isdisjoint({"ece", "roc_auc", "latency_p99_ms", "threshold"})


def test_registering_twice_answers_the_same_package(platform: Platform) -> None:
    first = platform.registry.register(WANTED, image="image:1")
    platform.lineage.update(model_node(RUN), status="serving", facts={})
    assert platform.registry.register(WANTED, image="image:2") == first
    assert len(platform.packages.packages) == 1
    assert platform.lineage.get(model_node(RUN)).status == "serving"


def test_a_registration_cut_short_is_completed_by_the_next_one(platform: Platform) -> None:
    first = platform.registry.register(WANTED, image="image:1")
    again = Platform()
    again.packages = platform.packages
    again.registry = Registry(
        group="ml-pipeline-models",
        packages=platform.packages,
        versions=again.versions,
        lineage=again.lineage,
        objects=again.objects,
    )
    assert again.registry.register(WANTED, image="image:1") == first
    assert again.versions.read(RUN).model_package_arn == first.model_package_arn


def test_a_model_below_its_gate_is_not_registered(platform: Platform) -> None:
    below = WANTED.model_copy(update={"verdict": WANTED.verdict.model_validate(REJECTED)})
    with pytest.raises(GateFailed, match=r"accuracy 0\.4111 is below 0\.95"):
        platform.registry.register(below, image="image:1")
    assert platform.packages.packages == {}


def test_an_artefact_that_is_gone_is_not_registered(platform: Platform) -> None:
    del platform.objects.objects[WANTED.artefact_s3_uri]
    with pytest.raises(NotFound, match=r"model\.tar\.gz"):
        platform.registry.register(WANTED, image="image:1")
    assert platform.versions.find(RUN) is None


@pytest.mark.parametrize(
    ("report", "complaint"),
    [
        ({"model_version": "run-20260101-000000-0000"}, "is about run-20260101-000000-0000"),
        ({"dataset_version": "other"}, "digits@other"),
        ({"accuracy": "high"}, "not an evaluation report"),
    ],
)
def test_a_report_that_is_not_about_this_model_is_refused(
    platform: Platform, report: dict[str, str], complaint: str
) -> None:
    changed = {**events.load("evaluation_report"), **report}
    platform.objects.objects[WANTED.evaluation_s3_uri] = json.dumps(changed).encode()
    with pytest.raises(InvalidInput, match=complaint):
        platform.registry.register(WANTED, image="image:1")
    assert platform.packages.packages == {}
