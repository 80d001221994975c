"""An alarm for each signal."""

from collections.abc import Sequence

from aws_cdk.aws_cloudwatch import (
    Alarm,
    AlarmRule,
    AlarmState,
    ComparisonOperator,
    CompositeAlarm,
    TreatMissingData,
)
from aws_cdk.aws_cloudwatch_actions import SnsAction
from aws_cdk.aws_sns import ITopic
from constructs import Construct

from visionml.cdk.units.signals import Signal
from visionml.contracts.names import Names

RUNBOOK = "docs/operations.md"


def runbook(alarm: str) -> str:
    """Return the sentence of a description that leads to what is to be done."""
    return f"What to do: {RUNBOOK}, {alarm}."


class Alarms(Construct):
    """Alarms that announce both trouble and recovery; silence is trouble where a signal says so."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        names: Names,
        signals: Sequence[Signal],
        topic: ITopic,
    ) -> None:
        super().__init__(scope, id)
        action = SnsAction(topic)
        self.by_signal: dict[str, Alarm] = {}
        for signal in signals:
            alarm = Alarm(
                self,
                "".join(word.capitalize() for word in signal.name.split("-")),
                alarm_name=names.name(signal.name),
                alarm_description=f"{signal.description} {runbook(signal.name)}",
                metric=signal.metric,
                threshold=signal.threshold,
                evaluation_periods=signal.periods,
                comparison_operator=ComparisonOperator.LESS_THAN_THRESHOLD
                if signal.below
                else ComparisonOperator.GREATER_THAN_THRESHOLD,
                treat_missing_data=TreatMissingData.NOT_BREACHING
                if signal.silent
                else TreatMissingData.BREACHING,
            )
            alarm.add_alarm_action(action)
            alarm.add_ok_action(action)
            self.by_signal[signal.name] = alarm


class UsersHurt(Construct):
    """The one alarm to be woken by: users notice that something is wrong, whatever it is."""

    NAME = "users-hurt"

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        names: Names,
        alarms: Sequence[Alarm],
        topic: ITopic,
    ) -> None:
        super().__init__(scope, id)
        self.alarm = CompositeAlarm(
            self,
            "Alarm",
            composite_alarm_name=names.name(self.NAME),
            alarm_description=f"Users get errors, or wait too long. {runbook(self.NAME)}",
            alarm_rule=AlarmRule.any_of(
                *(AlarmRule.from_alarm(alarm, AlarmState.ALARM) for alarm in alarms)
            ),
        )
        action = SnsAction(topic)
        self.alarm.add_alarm_action(action)
        self.alarm.add_ok_action(action)
