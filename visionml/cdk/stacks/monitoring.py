"""Alarms, the topic they are announced on, and the dashboard.

They watch by name, so this stack depends on none that it watches, and those may announce their
failures on its topic.
"""

from constructs import Construct

from visionml.cdk.stacks.base import PlatformStack
from visionml.cdk.stacks.storage import StorageStack
from visionml.cdk.units import (
    analytics_signals,
    batch_signals,
    drift_signals,
    intake_signals,
    stream_signals,
)
from visionml.cdk.units.alarms import Alarms, UsersHurt
from visionml.cdk.units.api_logging import ApiLogging
from visionml.cdk.units.budget import MonthlyBudget
from visionml.cdk.units.dashboard import OperationsDashboard
from visionml.cdk.units.notifications import Notifications
from visionml.cdk.units.rollback_alarms import rollback_signals
from visionml.cdk.units.signals import signals
from visionml.contracts.settings import Settings


class MonitoringStack(PlatformStack):
    """What watches, and how it calls for help."""

    def __init__(self, scope: Construct, *, settings: Settings, storage: StorageStack) -> None:
        super().__init__(
            scope, "monitoring", settings=settings, description="Alarms and dashboard."
        )
        self.notifications = Notifications(
            self,
            "Notifications",
            settings=settings,
            names=self.names,
            key=storage.keys.operations,
        )
        self.api_logging = ApiLogging(self, "ApiLogging", settings=settings)
        watched = [
            *signals(settings, self.names, account=self.account),
            *stream_signals.signals(settings, self.names),
            *analytics_signals.signals(settings, self.names),
            *intake_signals.signals(settings, account=self.account),
            *drift_signals.signals(settings, self.names),
            *batch_signals.signals(settings, self.names, account=self.account),
        ]
        self.alarms = Alarms(
            self,
            "Alarms",
            names=self.names,
            signals=watched,
            topic=self.notifications.topic,
        )
        self.users_hurt = UsersHurt(
            self,
            "UsersHurt",
            names=self.names,
            alarms=[self.alarms.by_signal[each.name] for each in watched if each.hurts],
            topic=self.notifications.topic,
        )
        self.rollback_alarms = Alarms(
            self,
            "RollbackAlarms",
            names=self.names,
            signals=rollback_signals(settings, self.names),
            topic=self.notifications.topic,
        )
        OperationsDashboard(
            self,
            "Operations",
            names=self.names,
            signals=watched,
            alarms=[
                self.users_hurt.alarm,
                *self.alarms.by_signal.values(),
                *self.rollback_alarms.by_signal.values(),
            ],
            sections={
                "Intake": intake_signals.graphs(settings),
                "Drift": drift_signals.graphs(settings),
                "Batch": batch_signals.graphs(),
            },
        )
        budget = settings.alarms.monthly_budget_usd
        if budget is not None:
            MonthlyBudget(self, "Budget", settings=settings, names=self.names, usd=budget)
        self.publish(
            {
                "AlarmTopicArn": self.notifications.topic.topic_arn,
                "DashboardName": self.names.dashboard,
            }
        )
