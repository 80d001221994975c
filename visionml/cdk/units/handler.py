"""Lambda functions: the package's handlers, which share one code asset, and those of images."""

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk.aws_iam import Role, ServicePrincipal
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_lambda import (
    Architecture,
    Code,
    DockerImageCode,
    DockerImageFunction,
    Function,
    LayerVersion,
    Runtime,
    Tracing,
)
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

from visionml.cdk.bundle import HANDLERS, staged
from visionml.cdk.findings import acknowledge, wildcard
from visionml.cdk.units.image import Image
from visionml.cdk.units.log_group import log_group
from visionml.cdk.units.network import Placement
from visionml.cdk.units.permissions import allow
from visionml.contracts.environment import HandlerEnvironment
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings

POWERTOOLS_LAYER_VERSION = 27
"""Of AWS's public layer: Powertools for AWS Lambda (Python) 3.24 with pydantic."""

_POWERTOOLS_ACCOUNT = "017000801446"
_NETWORK_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


class Handlers(Construct):
    """What a stack's functions have in common; ``add`` makes one."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        names: Names,
        logs_key: IKey,
        placement: Placement | None,
    ) -> None:
        super().__init__(scope, id)
        self.settings, self.names = settings, names
        self.logs_key, self.placement = logs_key, placement
        with staged(HANDLERS) as folder:
            asset = Asset(self, "Code", path=folder)
        self.code = Code.from_bucket(asset.bucket, asset.s3_object_key)
        self.architecture = {"arm64": Architecture.ARM_64, "x86_64": Architecture.X86_64}[
            settings.lambda_architecture
        ]
        layer = f"AWSLambdaPowertoolsPythonV3-python312-{settings.lambda_architecture}"
        self.layer = LayerVersion.from_layer_version_arn(
            self,
            "Powertools",
            f"arn:aws:lambda:{Stack.of(self).region}:{_POWERTOOLS_ACCOUNT}:layer:{layer}"
            f":{POWERTOOLS_LAYER_VERSION}",
        )

    def add(
        self,
        module: str,
        environment: HandlerEnvironment,
        *,
        seconds: int = 30,
        memory_mb: int = 256,
        reserved_concurrency: int | None = None,
        private: bool = True,
    ) -> "Handler":
        """Return the function that runs ``visionml.handlers.MODULE.handler``.

        One that is not `private` stays outside a private network.
        """
        return Handler(
            self,
            _id(module),
            shared=self,
            module=module,
            environment=environment,
            seconds=seconds,
            memory_mb=memory_mb,
            reserved_concurrency=reserved_concurrency,
            placement=self.placement if private else None,
        )

    def add_image(
        self,
        module: str,
        environment: HandlerEnvironment,
        *,
        image: Image,
        handler: str,
        seconds: int,
        memory_mb: int,
        reserved_concurrency: int | None = None,
        traced: bool = True,
    ) -> "ImageFunction":
        """Return the function that runs a handler such as ``package.module.handler`` in an image.

        `module` is the last part of its module's name.
        """
        return ImageFunction(
            self,
            _id(module),
            shared=self,
            module=module,
            environment=environment,
            image=image,
            handler=handler,
            seconds=seconds,
            memory_mb=memory_mb,
            reserved_concurrency=reserved_concurrency,
            traced=traced,
            placement=self.placement,
        )


class LambdaFunction(Construct):
    """What every function has: its own role and log group, and a place in the network."""

    function: Function

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        shared: Handlers,
        module: str,
        environment: HandlerEnvironment,
        seconds: int,
        memory_mb: int,
        reserved_concurrency: int | None,
        placement: Placement | None,
        traced: bool = True,
    ) -> None:
        super().__init__(scope, id)
        name = shared.names.function(module)
        logs = log_group(
            self,
            "Logs",
            name=f"/aws/lambda/{name}",
            key=shared.logs_key,
            settings=shared.settings,
        )
        self.role = Role(
            self,
            "Role",
            assumed_by=ServicePrincipal("lambda.amazonaws.com"),
            description=f"What {name} acts with.",
        )
        logs.grant_write(self.role)
        if placement:
            self._let_join_network()
        self.options: dict[str, Any] = {
            "function_name": name,
            "environment": environment.variables(),
            "role": self.role,
            "log_group": logs,
            "tracing": Tracing.ACTIVE if traced else Tracing.DISABLED,
            "timeout": Duration.seconds(seconds),
            "memory_size": memory_mb,
            "reserved_concurrent_executions": reserved_concurrency,
            "vpc": placement.vpc if placement else None,
            "vpc_subnets": placement.subnets if placement else None,
            "security_groups": [placement.security_group] if placement else None,
        }
        """Of the function, whatever its package."""
        acknowledge(self.role, {wildcard("*"): "Writing traces to X-Ray knows no resources."})

    def _let_join_network(self) -> None:
        allow(
            self.role,
            _NETWORK_ACTIONS,
            ["*"],
            because="Lambda names the network interfaces it makes; describing knows none.",
        )


class Handler(LambdaFunction):
    """A function that runs one of the package's handlers."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        shared: Handlers,
        module: str,
        **rest: Any,
    ) -> None:
        super().__init__(scope, id, shared=shared, module=module, **rest)
        self.function = Function(
            self,
            "Function",
            runtime=Runtime.PYTHON_3_12,
            architecture=shared.architecture,
            code=shared.code,
            handler=f"visionml.handlers.{module}.handler",
            layers=[shared.layer],
            **self.options,
        )
        acknowledge(
            self.function,
            {
                "AwsSolutions-L1": "Python 3.12 is the newest version that the Powertools layer, "
                "the container image and this project's tests share."
            },
        )


class ImageFunction(LambdaFunction):
    """A function that runs in a container image, for work that needs more than handlers have.

    Lambda pulls the image under the policy that the CDK's bootstrap gives its repository.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        image: Image,
        handler: str,
        **rest: Any,
    ) -> None:
        super().__init__(scope, id, **rest)
        self.function = DockerImageFunction(
            self,
            "Function",
            architecture=Architecture.X86_64,  # the image's platform
            code=DockerImageCode.from_ecr(
                image.asset.repository,
                tag_or_digest=image.asset.image_tag,
                entrypoint=["python", "-m", "awslambdaric"],
                cmd=[handler],
            ),
            **self.options,
        )


def _id(module: str) -> str:
    return "".join(word.capitalize() for word in module.split("_"))
