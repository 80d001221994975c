"""What tells a waiting deployment that a person has approved or rejected its model package."""

from aws_cdk import Stack
from aws_cdk.aws_events import EventPattern
from constructs import Construct

from visionml.cdk.units.handler import Handler, Handlers
from visionml.cdk.units.lineage import Lineage
from visionml.cdk.units.permissions import allow, read_packages
from visionml.cdk.units.rules import run_on
from visionml.contracts.environment import ApprovalEnvironment
from visionml.contracts.names import METRIC_NAMESPACE


class Approvals(Construct):
    """The function that keeps a token, and the one that returns it when a package changes."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        handlers: Handlers,
        lineage: Lineage,
    ) -> None:
        super().__init__(scope, id)
        self._handlers, self._lineage = handlers, lineage
        self.requester = self._function("approval_requester")
        self.resolver = self._function("approval_resolver")
        run_on(
            self,
            "PackageDecided",
            self.resolver,
            name=handlers.names.name("package-decided"),
            description="Tells a waiting deployment that its model package was decided.",
            event_pattern=EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={
                    "ModelPackageGroupName": [handlers.names.model_package_group],
                    "ModelApprovalStatus": ["Approved", "Rejected"],
                },
            ),
        )

    def _function(self, module: str) -> Handler:
        names = self._handlers.names
        handler = self._handlers.add(
            module,
            ApprovalEnvironment(
                powertools_service_name="promotion",
                powertools_metrics_namespace=METRIC_NAMESPACE,
                lineage_table=names.lineage_table,
            ),
        )
        machine = names.state_machine_arn(names.deployment_machine, Stack.of(self).account)
        allow(handler.role, ["states:SendTaskFailure", "states:SendTaskSuccess"], [machine])
        self._lineage.let_record(handler.role)
        read_packages(handler.role, names)
        return handler
