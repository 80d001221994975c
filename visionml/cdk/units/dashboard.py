"""The dashboard: every signal with its threshold, and the traffic they belong to."""

from collections.abc import Mapping, Sequence

from aws_cdk.aws_cloudwatch import (
    AlarmStatusWidget,
    Color,
    Dashboard,
    GraphWidget,
    HorizontalAnnotation,
    IAlarm,
    IWidget,
    TextWidget,
)
from constructs import Construct

from visionml.cdk.units.signals import Signal, endpoint_metric
from visionml.contracts.names import VARIANT_A, Names


class OperationsDashboard(Construct):
    """Alarm states on top, then traffic, then one graph a signal, then the sections."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        names: Names,
        signals: Sequence[Signal],
        alarms: Sequence[IAlarm],
        sections: Mapping[str, Sequence[IWidget]],
    ) -> None:
        super().__init__(scope, id)
        self.dashboard = Dashboard(self, "Dashboard", dashboard_name=names.dashboard)
        self.dashboard.add_widgets(
            AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=24, height=3)
        )
        traffic = ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors")
        graphs: list[IWidget] = [
            GraphWidget(
                title="Invocations and errors",
                left=[endpoint_metric(name, names.endpoint, VARIANT_A) for name in traffic],
                width=8,
            ),
            *(_graph(signal) for signal in signals),
        ]
        self._rows(graphs)
        for title, widgets in sections.items():
            self.dashboard.add_widgets(TextWidget(markdown=f"## {title}", width=24, height=1))
            self._rows(widgets)

    def _rows(self, widgets: Sequence[IWidget]) -> None:
        for start in range(0, len(widgets), 3):
            self.dashboard.add_widgets(*widgets[start : start + 3])


def _graph(signal: Signal) -> GraphWidget:
    threshold = HorizontalAnnotation(value=signal.threshold, color=Color.RED, label="alarm")
    return GraphWidget(
        title=signal.title, left=[signal.metric], left_annotations=[threshold], width=8
    )
