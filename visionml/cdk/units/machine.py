"""A state machine from a definition in JSON: logged, traced, allowed what its steps call."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk.aws_iam import PolicyStatement, Role, ServicePrincipal
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_lambda import IFunction
from aws_cdk.aws_stepfunctions import (
    DefinitionBody,
    LogLevel,
    LogOptions,
    StateMachine,
    StateMachineType,
)
from constructs import Construct

from visionml.cdk.units.lifetime import removal_policy
from visionml.cdk.units.log_group import log_group
from visionml.cdk.units.notifications import Notifications
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings


class Machine(Construct):
    """A standard state machine; ``role`` is what its steps act with."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        name: str,
        definition: Mapping[str, Any],
        functions: Sequence[IFunction],
        notifications: Notifications,
        settings: Settings,
        logs_key: IKey,
    ) -> None:
        super().__init__(scope, id)
        self.role = Role(
            self,
            "Role",
            assumed_by=ServicePrincipal("states.amazonaws.com"),
            description=f"What the steps of {name} act with.",
        )
        logs = log_group(
            self,
            "Logs",
            name=f"/aws/vendedlogs/states/{name}",
            key=logs_key,
            settings=settings,
        )
        self.machine = StateMachine(
            self,
            "Machine",
            state_machine_name=name,
            state_machine_type=StateMachineType.STANDARD,
            definition_body=DefinitionBody.from_string(Stack.of(self).to_json_string(definition)),
            role=self.role,
            tracing_enabled=True,
            logs=LogOptions(destination=logs, level=LogLevel.ALL, include_execution_data=False),
            removal_policy=removal_policy(settings),
        )
        for function in functions:
            self.role.add_to_policy(
                PolicyStatement(
                    actions=["lambda:InvokeFunction"], resources=[function.function_arn]
                )
            )
        notifications.grant_announce(self.role)

    def let_run_jobs(self, *, job_role: Role, volume_key: IKey) -> None:
        """Allow training and processing jobs of runs, and waiting for their end."""
        for kind in ("Training", "Processing"):
            verbs = (f"Create{kind}Job", f"Describe{kind}Job", f"Stop{kind}Job", "AddTags")
            self._allow("sagemaker", verbs, [f"{kind.lower()}-job/run-*"])
            self._allow(
                "events",
                ("PutTargets", "PutRule", "DescribeRule"),
                [f"rule/StepFunctionsGetEventsForSageMaker{kind}JobsRule"],
            )
        self._let_hand_over(job_role, volume_key)

    def let_deploy(self, names: Names, *, hosting_role: Role, volume_key: IKey) -> None:
        """Allow what puts a model on the environment's endpoint."""
        deployed = names.deployed("*")
        endpoint = f"endpoint/{names.endpoint}"
        self._allow("sagemaker", ("CreateModel", "AddTags"), [f"model/{deployed}"])
        self._allow(
            "sagemaker", ("CreateEndpointConfig", "AddTags"), [f"endpoint-config/{deployed}"]
        )
        self._allow("sagemaker", ("UpdateEndpoint",), [endpoint, f"endpoint-config/{deployed}"])
        self._allow("sagemaker", ("DescribeEndpoint",), [endpoint])
        self._let_hand_over(hosting_role, volume_key)

    def _allow(self, service: str, verbs: Sequence[str], resources: Sequence[str]) -> None:
        stack = Stack.of(self)
        prefix = f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}"
        self.role.add_to_policy(
            PolicyStatement(
                actions=[f"{service}:{verb}" for verb in verbs],
                resources=[f"{prefix}:{resource}" for resource in resources],
            )
        )

    def _let_hand_over(self, role: Role, volume_key: IKey) -> None:
        """Allow giving SageMaker, and nobody else, a role and the use of a key for volumes."""
        self.role.add_to_policy(
            PolicyStatement(
                actions=["iam:PassRole"],
                resources=[role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
            )
        )
        volume_key.grant(self.role, "kms:DescribeKey")
        self.role.add_to_policy(
            PolicyStatement(
                actions=["kms:CreateGrant"],
                resources=[volume_key.key_arn],
                conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
            )
        )
