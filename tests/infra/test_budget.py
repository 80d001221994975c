"""The budget of a month."""

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template
from typer.testing import CliRunner

from tests.infra.conftest import Synthesised
from visionml.cdk.units.budget import MonthlyBudget
from visionml.cli.main import app
from visionml.contracts import settings
from visionml.contracts.names import Names
from visionml.errors import SettingsInvalid

BUDGET = {"alarms.monthly_budget_usd": "3000", "alarms.email": "team@example.com"}


def template(overrides: dict[str, str]) -> Template:
    chosen = settings.load("dev", overrides)
    stack = Stack(App(), "Stack")
    usd = chosen.alarms.monthly_budget_usd
    assert usd is not None
    MonthlyBudget(stack, "Budget", settings=chosen, names=Names.of(chosen), usd=usd)
    return Template.from_stack(stack)


def test_people_are_told_before_the_budget_is_spent() -> None:
    (found,) = template(BUDGET).find_resources("AWS::Budgets::Budget").values()
    properties = found["Properties"]
    assert properties["Budget"]["BudgetLimit"] == {"Amount": 3000, "Unit": "USD"}
    assert properties["Budget"]["CostFilters"] == {"TagKeyValue": ["user:Environment$dev"]}
    told = [
        (each["Notification"]["NotificationType"], each["Notification"]["Threshold"])
        for each in properties["NotificationsWithSubscribers"]
    ]
    assert told == [("ACTUAL", 80), ("FORECASTED", 100), ("ACTUAL", 100)]
    for each in properties["NotificationsWithSubscribers"]:
        assert each["Subscribers"] == [{"Address": "team@example.com", "SubscriptionType": "EMAIL"}]


def test_a_budget_that_nobody_hears_of_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match=r"alarms\.email"):
        template({"alarms.monthly_budget_usd": "3000"})


def test_an_environment_without_a_budget_has_none(prod: Synthesised) -> None:
    assert prod.properties("AWS::Budgets::Budget") == []
    answer = CliRunner().invoke(app, ["budget", "-e", "prod", "--templates", str(prod.folder)])
    assert answer.exit_code == 1
    assert "Set alarms.monthly_budget_usd" in answer.stdout


def test_the_estimate_is_held_against_the_budget(
    prod: Synthesised, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["budget", "-e", "prod", "--templates", str(prod.folder), "--json"]
    for usd, code in (("1000000", 0), ("100", 1)):
        chosen = settings.load("prod", {**BUDGET, "alarms.monthly_budget_usd": usd})
        with monkeypatch.context() as patch:
            patch.setattr(settings, "load", lambda _environment, chosen=chosen: chosen)
            assert CliRunner().invoke(app, arguments).exit_code == code
