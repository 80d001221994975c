"""A budget for the month: AWS tells by e-mail before it is spent."""

from aws_cdk.aws_budgets import CfnBudget
from constructs import Construct

from visionml.contracts.names import Names
from visionml.contracts.settings import Settings
from visionml.errors import SettingsInvalid

_TOLD_AT = (("ACTUAL", 80), ("FORECASTED", 100), ("ACTUAL", 100))
"""Of the budget, in percent: what was spent, or what the month will come to."""


class MonthlyBudget(Construct):
    """The budget of an environment, by its tag ``Environment``.

    AWS counts by a tag once it is activated as a cost allocation tag in the account's billing.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        names: Names,
        usd: int,
    ) -> None:
        super().__init__(scope, id)
        if settings.alarms.email is None:
            raise SettingsInvalid(
                "alarms.monthly_budget_usd is set, but nobody would be told.",
                hint="Set alarms.email as well.",
            )
        told = CfnBudget.SubscriberProperty(
            subscription_type="EMAIL", address=settings.alarms.email
        )
        self.budget = CfnBudget(
            self,
            "Budget",
            budget=CfnBudget.BudgetDataProperty(
                budget_name=names.name("budget"),
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=CfnBudget.SpendProperty(amount=usd, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:Environment${settings.environment}"]},
            ),
            notifications_with_subscribers=[
                CfnBudget.NotificationWithSubscribersProperty(
                    notification=CfnBudget.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[told],
                )
                for kind, percent in _TOLD_AT
            ],
        )
