"""What roles may do. Each permission names its actions, and each wildcard its reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk.aws_iam import PolicyStatement, Role
from aws_cdk.aws_kms import IKey

from visionml.cdk.findings import acknowledge, wildcard
from visionml.contracts.names import Names

JOBS_OF_RUNS = "Jobs are named by their run, unknown until it starts."
_JOB_KINDS = {
    "TuningJob": "hyper-parameter-tuning-job",
    "TrainingJob": "training-job",
    "ProcessingJob": "processing-job",
}
_VERSIONS = "A version's parameter is named by the run that trained it, unknown until then."


def allow(
    role: Role,
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    because: str = "",
    conditions: Mapping[str, Any] | None = None,
) -> None:
    """Allow a role actions on resources; where a resource holds a wildcard, say why."""
    if any("*" in action for action in actions):
        raise ValueError(f"Name the actions instead of using a wildcard: {actions}.")
    role.add_to_policy(
        PolicyStatement(
            actions=list(actions),
            resources=list(resources),
            conditions=dict(conditions) if conditions else None,
        )
    )
    for resource in resources:
        if "*" in resource:
            if not because:
                raise ValueError(f"Say why {actions} are allowed on {resource}.")
            acknowledge(role, {wildcard(Stack.of(role).resolve(resource)): because})


def arn(role: Role, service: str, resource: str) -> str:
    """Return the ARN of a resource in the role's account and region."""
    stack = Stack.of(role)
    return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{resource}"


def read_objects(role: Role, bucket: str, key: IKey, *, prefix: str) -> None:
    """Allow listing and reading the objects below a prefix such as ``images/``."""
    _objects(role, bucket, ["s3:GetObject"], prefix)
    key.grant(role, "kms:Decrypt")


def write_objects(role: Role, bucket: str, key: IKey, *, prefix: str) -> None:
    """Allow listing, reading and writing the objects below a prefix, and deleting none."""
    _objects(role, bucket, ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], prefix)
    key.grant(role, "kms:Decrypt", "kms:GenerateDataKey")


def add_objects(role: Role, bucket: str, key: IKey, *, prefix: str) -> None:
    """Allow writing objects below a prefix, and neither listing nor reading them."""
    allow(role, ["s3:PutObject"], [_below(role, bucket, prefix)], because=_come_and_go(prefix))
    key.grant(role, "kms:GenerateDataKey")


def fetch_objects(role: Role, bucket: str, key: IKey, *, prefix: str) -> None:
    """Allow reading objects below a prefix by their keys, and not listing them.

    A signed link allows what its signer may do.
    """
    allow(role, ["s3:GetObject"], [_below(role, bucket, prefix)], because=_come_and_go(prefix))
    key.grant(role, "kms:Decrypt")


def take_versions(role: Role, bucket: str, key: IKey, *, prefix: str) -> None:
    """Allow listing, reading and deleting exact versions of objects below a prefix."""
    actions = ["s3:GetObjectVersion", "s3:DeleteObjectVersion"]
    allow(role, actions, [_below(role, bucket, prefix)], because=_come_and_go(prefix))
    below = {"StringLike": {"s3:prefix": f"{prefix}*"}}
    bucket_arn = f"arn:{Stack.of(role).partition}:s3:::{bucket}"
    allow(role, ["s3:ListBucketVersions"], [bucket_arn], conditions=below)
    key.grant(role, "kms:Decrypt")


def delete_versions(role: Role, bucket: str, *, prefix: str) -> None:
    """Allow deleting exact versions of objects below a prefix."""
    objects = _below(role, bucket, prefix)
    allow(role, ["s3:DeleteObjectVersion"], [objects], because=_come_and_go(prefix))


def see_pictures(role: Role, *actions: str) -> None:
    """Allow asking Rekognition what pictures show, such as ``DetectLabels``."""
    allow(
        role,
        [f"rekognition:{action}" for action in actions],
        ["*"],
        because="Looking at a picture knows no resources.",
    )


def _below(role: Role, bucket: str, prefix: str) -> str:
    return f"arn:{Stack.of(role).partition}:s3:::{bucket}/{prefix}*"


def _come_and_go(prefix: str) -> str:
    return (
        f"The objects {f'below {prefix}' if prefix else 'there'} come and go while the role stays."
    )


def _objects(role: Role, bucket: str, actions: list[str], prefix: str) -> None:
    bucket_arn = f"arn:{Stack.of(role).partition}:s3:::{bucket}"
    allow(role, actions, [_below(role, bucket, prefix)], because=_come_and_go(prefix))
    below = {"StringLike": {"s3:prefix": f"{prefix}*"}}
    allow(role, ["s3:ListBucket"], [bucket_arn], conditions=below)


def register_models(role: Role, names: Names) -> None:
    """Allow adding packages to the model package group, and writing their metadata."""
    group = names.model_package_group
    allow(
        role,
        ["sagemaker:CreateModelPackage"],
        [
            arn(role, "sagemaker", f"model-package-group/{group}"),
            arn(role, "sagemaker", f"model-package/{group}/*"),
        ],
        because="SageMaker numbers the packages of the group.",
    )
    versions = arn(role, "ssm", f"parameter{names.version_parameter('*')}")
    allow(role, ["ssm:GetParameter", "ssm:PutParameter"], [versions], because=_VERSIONS)


def delete_objects(role: Role, bucket: str, *, prefix: str) -> None:
    """Allow deleting the objects below a prefix; earlier versions of them stay."""
    allow(role, ["s3:DeleteObject"], [_below(role, bucket, prefix)], because=_come_and_go(prefix))


def look_up_jobs(role: Role, *verbs: str) -> None:
    """Allow reading what became of the jobs of runs; `verbs` such as ``DescribeTrainingJob``."""
    for verb in verbs:
        kind = next(kind for name, kind in _JOB_KINDS.items() if verb.endswith(name))
        jobs = arn(role, "sagemaker", f"{kind}/run-*")
        allow(role, [f"sagemaker:{verb}"], [jobs], because=JOBS_OF_RUNS)


def watch_executions(role: Role, machine: str) -> None:
    """Allow reading what became of a state machine's executions."""
    executions = arn(role, "states", f"execution:{machine}:*")
    reason = "Executions are named by their run, unknown until it starts."
    allow(role, ["states:DescribeExecution"], [executions], because=reason)


def read_champion(role: Role, names: Names) -> None:
    """Allow reading which version is in production, and its record."""
    parameters = (names.active_version_parameter, names.version_parameter("*"))
    allow(
        role,
        ["ssm:GetParameter"],
        [arn(role, "ssm", f"parameter{name}") for name in parameters],
        because=_VERSIONS,
    )


def read_versions(role: Role, names: Names) -> None:
    """Allow reading the registered versions and their packages."""
    versions = arn(role, "ssm", f"parameter{names.version_parameter('*')}")
    allow(role, ["ssm:GetParameter"], [versions], because=_VERSIONS)
    read_packages(role, names)


def read_packages(role: Role, names: Names) -> None:
    """Allow reading the model packages."""
    allow(
        role,
        ["sagemaker:DescribeModelPackage"],
        [arn(role, "sagemaker", f"model-package/{names.model_package_group}/*")],
        because="SageMaker numbers the packages of the group.",
    )


def activate_versions(role: Role, names: Names) -> None:
    """Allow saying which version is in production, and what it is watched against."""
    active = arn(role, "ssm", f"parameter{names.active_version_parameter}")
    allow(role, ["ssm:GetParameter", "ssm:PutParameter"], [active])
    baselines = arn(role, "ssm", f"parameter{names.baseline_parameter('*')}")
    allow(role, ["ssm:GetParameter", "ssm:PutParameter"], [baselines], because=_VERSIONS)


def look_at_alarms(role: Role) -> None:
    """Allow reading the state of alarms."""
    reason = "CloudWatch describes alarms as a list, and asks for all of them."
    allow(role, ["cloudwatch:DescribeAlarms"], ["*"], because=reason)


def look_up_what_serves(role: Role, names: Names) -> None:
    """Allow reading the endpoint, its configuration and the models in that."""
    reason = "In an emergency, a person may point the endpoint at a configuration of any name."
    for action, kind in {
        "DescribeEndpointConfig": "endpoint-config",
        "DescribeModel": "model",
    }.items():
        allow(role, [f"sagemaker:{action}"], [arn(role, "sagemaker", f"{kind}/*")], because=reason)
    use_endpoint(role, names, "DescribeEndpoint")


def correct_active_version(role: Role, names: Names) -> None:
    """Allow saying which version is in production, or that none is."""
    active = arn(role, "ssm", f"parameter{names.active_version_parameter}")
    allow(role, ["ssm:GetParameter", "ssm:PutParameter", "ssm:DeleteParameter"], [active])


def list_executions(role: Role, machine_arn: str) -> None:
    """Allow listing a state machine's executions."""
    allow(role, ["states:ListExecutions"], [machine_arn])


def clean_up_deployments(role: Role, names: Names) -> None:
    """Allow deleting what deployments made, and marking versions that cannot come back."""
    reason = "Models and configurations are named by their deployment, unknown until then."
    for action, kind in {"DeleteModel": "model", "DeleteEndpointConfig": "endpoint-config"}.items():
        made = arn(role, "sagemaker", f"{kind}/{names.deployed('*')}")
        allow(role, [f"sagemaker:{action}"], [made], because=reason)
    staging = arn(role, "sagemaker", f"endpoint/{names.staging_endpoint}")
    allow(role, ["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"], [staging])
    allow(
        role,
        ["sagemaker:ListModels", "sagemaker:ListEndpointConfigs"],
        ["*"],
        because="Listing models and configurations knows no resources.",
    )
    versions = arn(role, "ssm", f"parameter{names.version_parameter('*')}")
    allow(role, ["ssm:PutParameter"], [versions], because=_VERSIONS)


def use_endpoint(role: Role, names: Names, *actions: str, staging: bool = False) -> None:
    """Allow operations on the endpoint, or on the staging one, such as ``InvokeEndpoint``."""
    name = names.staging_endpoint if staging else names.endpoint
    endpoint = arn(role, "sagemaker", f"endpoint/{name}")
    allow(role, [f"sagemaker:{action}" for action in actions], [endpoint])


def publish_metrics(role: Role, namespace: str) -> None:
    """Allow publishing metrics of one namespace."""
    allow(
        role,
        ["cloudwatch:PutMetricData"],
        ["*"],
        because="The action knows no resources; a condition names the namespace.",
        conditions={"StringEquals": {"cloudwatch:namespace": namespace}},
    )


def hand_over(role: Role, *, given: Role, volume_key: IKey) -> None:
    """Allow giving SageMaker, and nobody else, a role to act with and a key for its volumes."""
    to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    allow(role, ["iam:PassRole"], [given.role_arn], conditions=to_sagemaker)
    volume_key.grant(role, "kms:DescribeKey")
    for_volumes = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    allow(role, ["kms:CreateGrant"], [volume_key.key_arn], conditions=for_volumes)
