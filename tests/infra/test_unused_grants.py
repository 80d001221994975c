"""The reasons for unused grants speak of grants that there are, and every wildcard has its own."""

from tests.infra.conftest import Synthesise
from visionml.contracts import settings
from visionml.guardrails.grants import explanations, pairs, role_statements, wildcards


def test_each_reason_speaks_of_a_grant_of_some_environment(synthesised: Synthesise) -> None:
    granted = {
        (role, action, resource)
        for environment in settings.ENVIRONMENTS
        for role, statements in role_statements(synthesised(environment).templates).items()
        for action, resource in pairs(statements)
    }
    managed = {("Monitoring/ApiLoggingRole", "logs:PutLogEvents", "*")}
    idle = [
        reason
        for reason in explanations()
        if not any(reason.covers(*grant) for grant in granted | managed)
    ]
    assert idle == []


def test_no_reason_excuses_every_role_and_every_action() -> None:
    assert not [each for each in explanations() if "*" in each.roles and "*" in each.actions]


def test_every_wildcard_has_its_reason_in_the_template(synthesised: Synthesise) -> None:
    for environment in settings.ENVIRONMENTS:
        found = wildcards(synthesised(environment).templates)
        assert found
        assert [each for each in found if not each.because] == []
