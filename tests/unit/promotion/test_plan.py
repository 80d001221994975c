"""A version is deployed only when everything it needs is there and allowed."""

from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.objects import MemoryObjects
from tests.fakes.packages import MemoryPackages
from tests.fakes.parameters import MemoryParameters
from tests.unit.registry.test_versions import NEW, OLD, record
from visionml.aws.alarms import Alarm
from visionml.aws.endpoint import EndpointState, Variant
from visionml.aws.packages import PackageSpec
from visionml.contracts.deployment import DeploymentPlan, DeploymentRequest, DeploymentStart
from visionml.contracts.registry import VersionRecord
from visionml.contracts.settings import RolloutSettings
from visionml.errors import Conflict, InvalidInput, NotFound
from visionml.promotion import plan as planning
from visionml.promotion.plan import Production, Target, plan
from visionml.registry.versions import Versions

REQUEST = DeploymentRequest(model_version=NEW, deployment_id="dep-20261120-103000-c3d4")
TARGET = Target(
    prefix="ml-pipeline",
    environment="prod",
    staging_endpoint="staging",
    instance_type="ml.m5.large",
    minimum_instances=2,
    traffic_model_a=0.8,
    rollout=RolloutSettings(),
    alarms=("errors",),
)
SERVING = EndpointState(
    name="endpoint",
    status="InService",
    config_name="ml-pipeline-prod-dep-20261119-103000-c3d4",
    variants=(Variant("ModelA", 2, 1.0),),
    failure="",
)
QUIET = {"errors": Alarm("errors", "OK")}


class Registered:
    """Two versions that may be deployed; the older one serves."""

    def __init__(self) -> None:
        self.packages = MemoryPackages()
        self.versions = Versions(MemoryParameters(), "ml-pipeline")
        self.objects = MemoryObjects()
        self.older, self.version = self.add(OLD), self.add(NEW)
        self.artefacts = {"ModelA": self.older.artefact}
        self.endpoint = SERVING
        self.alarms = dict(QUIET)

    def add(self, version: str) -> VersionRecord:
        spec = PackageSpec(
            description="",
            image="image:1",
            artefact="s3://models/model.tar.gz",
            report="s3://models/report.json",
            approval="Approved",
            properties={},
            content_types=("image/png",),
            token=version,
            card="{}",
        )
        made = record(version).model_copy(
            update={
                "model_package_arn": self.packages.create("group", spec),
                "artefact": f"s3://models/runs/{version}/model.tar.gz",
            }
        )
        self.objects.objects[made.artefact] = b"model"
        return self.versions.write(made)

    @property
    def shelf(self) -> planning.Registered:
        return planning.Registered(self.versions, self.packages, self.objects)

    @property
    def production(self) -> Production:
        return Production(self.endpoint, self.artefacts, self.alarms)

    def plan(
        self, *, phase: Any = "update", target: Target = TARGET, **request: Any
    ) -> DeploymentPlan:
        return plan(
            DeploymentStart(
                request=REQUEST.model_copy(update=request), execution="arn", phase=phase
            ),
            registered=self.shelf,
            production=self.production,
            target=target,
        )


@pytest.fixture
def registered() -> Registered:
    return Registered()


MANUAL = replace(TARGET, rollout=RolloutSettings(approval="manual"))


def test_a_plan_names_everything_that_is_to_be_created(registered: Registered) -> None:
    made = registered.plan()
    (model,) = made.models
    name = "ml-pipeline-prod-dep-20261120-103000-c3d4"
    assert model.model_name == made.endpoint_config_name == name
    assert (model.image, model.artefact) == ("image:1", registered.version.artefact)
    assert model.evaluation == f"s3://models/runs/{NEW}/evaluation/report.json"
    assert (made.endpoint_name, made.previous_config_name) == ("endpoint", SERVING.config_name)
    assert (made.staging_name, made.staging_config_name) == ("staging", f"{name}-staging")
    assert (made.strategy, made.armed_alarms) == ("canary", ("errors",))
    assert not made.serves_already


@pytest.mark.parametrize(("running", "planned"), [(1, 2), (2, 2), (7, 7)])
def test_a_plan_keeps_the_instances_that_run_now(
    registered: Registered, running: int, planned: int
) -> None:
    registered.endpoint = replace(SERVING, variants=(Variant("ModelA", running, 1.0),))
    made = registered.plan()
    assert [each["InitialInstanceCount"] for each in made.production_variants] == [planned]
    assert [each["InitialInstanceCount"] for each in made.staging_variants] == [1]


@pytest.mark.parametrize(
    ("artefacts", "strategy"), [({"ModelA": ""}, "all_at_once"), ({}, "canary")]
)
def test_traffic_is_not_shared_with_a_seed_that_has_no_model(
    registered: Registered, artefacts: dict[str, str], strategy: str
) -> None:
    registered.artefacts = artefacts
    assert registered.plan().strategy == strategy


@pytest.mark.parametrize(("asked", "planned"), [(None, 300), (60, 300), (900, 900)])
def test_alarms_are_watched_for_longer_where_that_is_asked_but_never_shorter(
    registered: Registered, asked: int | None, planned: int
) -> None:
    policy: Any = registered.plan(bake_seconds=asked).deployment_config["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"] == planned


def test_a_challenger_gets_the_rest_of_the_traffic(registered: Registered) -> None:
    made = registered.plan(challenger_version=OLD)
    shares = {
        each["VariantName"]: each["InitialVariantWeight"] for each in made.production_variants
    }
    assert shares == {"ModelA": 0.8, "ModelB": 0.2}
    assert [model.version for model in made.models] == [NEW, OLD]
    assert made.strategy == "all_at_once"
    assert "variants change" in made.remarks[0]


def test_a_challenger_keeps_its_own_instances(registered: Registered) -> None:
    both = (Variant("ModelA", 5, 0.8), Variant("ModelB", 3, 0.2))
    registered.endpoint = replace(SERVING, variants=both)
    made = registered.plan(challenger_version=OLD)
    counts = {
        each["VariantName"]: each["InitialInstanceCount"] for each in made.production_variants
    }
    assert (counts, made.strategy) == ({"ModelA": 5, "ModelB": 3}, "canary")


def test_a_shadow_answers_nobody_and_is_not_staged(registered: Registered) -> None:
    made = registered.plan(shadow_version=OLD)
    (shadow,) = made.shadow_variants
    assert (shadow["VariantName"], shadow["InitialInstanceCount"]) == ("Shadow", 1)
    assert [each["VariantName"] for each in made.production_variants] == ["ModelA"]
    assert [each["VariantName"] for each in made.staging_variants] == ["ModelA"]
    names = {model.model_name for model in made.models}
    assert shadow["ModelName"] in names
    assert len(names) == 2


@pytest.mark.parametrize(
    "request_",
    [
        {"challenger_version": OLD, "shadow_version": OLD},
        {"challenger_version": NEW},
        {"shadow_version": NEW},
    ],
)
def test_variants_that_do_not_go_together_are_refused(
    registered: Registered, request_: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        registered.plan(**request_)


def test_what_serves_already_needs_no_rollout(registered: Registered) -> None:
    registered.alarms.clear()
    assert registered.plan(model_version=OLD).serves_already
    with pytest.raises(Conflict, match="There is no alarm errors"):
        registered.plan(model_version=OLD, challenger_version=NEW)


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Rejected", ""])
@pytest.mark.parametrize("phase", ["prepare", "update"])
def test_a_package_that_is_not_approved_is_refused(
    registered: Registered, approval: str, phase: str
) -> None:
    registered.packages.set_approval(registered.version.model_package_arn, approval)
    with pytest.raises(Conflict, match="not Approved"):
        registered.plan(phase=phase)


def test_where_a_person_decides_a_pending_package_waits(registered: Registered) -> None:
    assert not registered.plan(phase="prepare", target=MANUAL).needs_approval
    registered.packages.set_approval(registered.version.model_package_arn, "PendingManualApproval")
    assert registered.plan(phase="prepare", target=MANUAL).needs_approval
    with pytest.raises(Conflict, match="PendingManualApproval, not Approved"):
        registered.plan(phase="update", target=MANUAL)


def test_nobody_waits_for_the_approval_of_a_challenger(registered: Registered) -> None:
    registered.packages.set_approval(registered.older.model_package_arn, "PendingManualApproval")
    with pytest.raises(Conflict, match=f"{OLD} may not be deployed"):
        registered.plan(phase="prepare", target=MANUAL, challenger_version=OLD)


def test_a_rejected_package_is_refused_for_a_rollback_too(registered: Registered) -> None:
    arn = registered.version.model_package_arn
    registered.packages.set_approval(arn, "Rejected")
    with pytest.raises(Conflict, match="is Rejected"):
        registered.plan(kind="rollback")
    registered.packages.set_approval(arn, "PendingManualApproval")
    assert not registered.plan(kind="rollback").needs_approval


def test_a_rollback_does_without_the_registry(registered: Registered) -> None:
    registered.packages.packages.clear()
    assert registered.plan(kind="rollback").strategy == "all_at_once"
    with pytest.raises(NotFound, match="model package"):
        registered.plan()


def test_a_rollback_says_which_alarms_are_not_armed(registered: Registered) -> None:
    registered.alarms["errors"] = Alarm("errors", "ALARM")
    assert registered.plan(kind="rollback").unarmed_alarms == ("errors",)
    with pytest.raises(Conflict, match="in ALARM already"):
        registered.plan()


@pytest.mark.parametrize("kind", ["promotion", "rollback"])
def test_an_artefact_that_is_gone_is_refused(registered: Registered, kind: str) -> None:
    registered.objects.objects.clear()
    with pytest.raises(NotFound, match=rf"there is no s3://models/runs/{NEW}/model\.tar\.gz"):
        registered.plan(kind=kind)


def test_a_version_that_is_not_registered_is_refused(registered: Registered) -> None:
    with pytest.raises(NotFound, match="run-20200101-000000-0000 is not registered"):
        registered.plan(model_version="run-20200101-000000-0000")


@pytest.mark.parametrize(
    ("status", "complaint"),
    [("Updating", "is busy"), ("Creating", "is busy"), ("Failed", "has failed: no disk")],
)
def test_an_endpoint_that_is_not_in_service_is_refused(
    registered: Registered, status: str, complaint: str
) -> None:
    registered.endpoint = replace(SERVING, status=status, failure="no disk")
    with pytest.raises(Conflict, match=complaint):
        registered.plan()
