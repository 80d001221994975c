"""The platform's roles do what they may, and the record says so."""

import pytest

from tests.fakes.apis import STORED, apis, stored
from tests.functional.attacks import ATTACKS
from tests.functional.platform import Deployed
from visionml.contracts.deployment import DeploymentOutcome
from visionml.desks.security import Checked
from visionml.local import calls
from visionml.local.state import Project


@pytest.fixture(scope="module")
def checked(platform: Deployed, promoted: DeploymentOutcome) -> Checked:
    """The record after a promotion, whatever else was done before."""
    return platform.session.security.grants()


def test_no_role_of_the_platform_was_denied(checked: Checked) -> None:
    assert [each for each in checked.grants.denied if each.action not in ATTACKS] == []


def test_what_a_promotion_did_is_seen_in_use(checked: Checked) -> None:
    unused = {(each.role, each.action) for each in checked.grants.unused}
    for role, action in (
        ("Training/TrainingRole", "sagemaker:CreateTrainingJob"),
        ("Training/HandlersModelRegistrarRole", "ssm:PutParameter"),
        ("Training/JobsRole", "s3:PutObject"),
        ("Serving/DeploymentRole", "sagemaker:UpdateEndpoint"),
        ("Serving/DeploymentRole", "iam:PassRole"),
        ("Serving/HandlersDeploymentRecorderRole", "ssm:PutParameter"),
        ("Serving/HandlersDeploymentRecorderRole", "kms:Decrypt"),
    ):
        assert (role, action) not in unused
    assert checked.grants.used > 100


def test_every_wildcard_of_the_deployed_stacks_has_a_reason(checked: Checked) -> None:
    assert len(checked.wildcards) > 50
    assert not [each for each in checked.grants.wildcards if not each.because]


def test_every_role_has_its_boundary(platform: Deployed) -> None:
    iam = platform.session.aws.client("iam")
    for role in platform.session.security.roles():
        found = iam.get_role(RoleName=role.name)["Role"]
        assert found["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith(
            f":policy/{platform.session.names.name('boundary')}"
        )


def test_code_calls_the_apis_of_the_stored_list(
    platform: Deployed, promoted: DeploymentOutcome, local_project: Project
) -> None:
    """Who adds a call to a component adds it to the list, and an endpoint to the network."""
    roles = {role.name: role.where for role in platform.session.security.roles()}
    called: dict[str, set[str]] = {}
    for call in calls.read(local_project):
        if call.allowed and not call.by_service and call.role in roles:
            called.setdefault(roles[call.role], set()).add(call.action)
    known = stored()
    missing = {
        role: sorted(found - known[role])
        for role, actions in called.items()
        if role in known and (found := apis(actions)) - known[role]
    }
    assert missing == {}, f"Add these to {STORED}."
