"""What the API answers when too much is asked of it, or the model cannot answer."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from tests.fakes import pictures
from tests.functional.platform import Deployed
from tests.functional.sagemaker.world import DOCKERFILE, PROGRAMS, allow
from tests.functional.waiting import until
from visionml.aws import rest_api
from visionml.aws.session import Aws
from visionml.desks.api_access import Answer
from visionml.local.assembly import ImageAsset
from visionml.local.assets import publish_image
from visionml.local.state import ACCOUNT, REGION, Project

Key = Callable[..., str]
REPOSITORY = "api-limits-tests"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}:1"


@pytest.fixture
def key_of(platform: Deployed) -> Iterator[Key]:
    """Make API keys under usage plans of their own."""
    gateway: Any = platform.session.aws.client("apigateway")
    api = rest_api.find(gateway, platform.session.names.api)
    plans: list[str] = []
    keys: list[str] = []

    def make(**limits: Any) -> str:
        plan = gateway.create_usage_plan(
            name=f"plan-{uuid4().hex}",
            apiStages=[{"apiId": api.id, "stage": api.stage}],
            **limits,
        )["id"]
        plans.append(plan)
        key = gateway.create_api_key(name=f"key-{uuid4().hex}", enabled=True)
        keys.append(key["id"])
        gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
        return str(key["value"])

    yield make
    for plan in plans:
        gateway.delete_usage_plan(usagePlanId=plan)
    for key in keys:
        gateway.delete_api_key(apiKey=key)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"throttle": {"rateLimit": 0.001, "burstLimit": 2}}, "throttled"),
        ({"quota": {"limit": 2, "period": "DAY"}}, "quota_exceeded"),
    ],
)
def test_who_asks_too_much_is_told_which_limit_it_was(
    platform: Deployed, key_of: Key, limits: dict[str, Any], code: str
) -> None:
    key = key_of(**limits)
    answers = [
        platform.session.api.ask(path="/predictions/none", method="GET", key=key) for _ in range(3)
    ]
    assert [answer.status for answer in answers] == [404, 404, 429]
    assert answers[2].body["error"]["code"] == code
    assert answers[2].body["error"]["message"]
    another = platform.session.api.ask(path="/predictions/none", method="GET")
    assert another.status == 404


@dataclass(frozen=True)
class Elsewhere:
    """The API while its function calls another endpoint than the platform's."""

    platform: Deployed
    role: str

    def config(self, **environment: str) -> str:
        """Create a model that does what its variables say, and a configuration with it."""
        name = f"{REPOSITORY}-{uuid4().hex[:8]}"
        sagemaker = self.platform.session.aws.sagemaker
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=self.role,
            PrimaryContainer={"Image": IMAGE, "Environment": environment},
        )
        variant: Any = {
            "VariantName": "ModelA",
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        return name

    @contextmanager
    def endpoint(self, config: str) -> Iterator[str]:
        """Have an endpoint with a configuration, which is its name too, for a while."""
        sagemaker = self.platform.session.aws.sagemaker
        sagemaker.create_endpoint(EndpointName=config, EndpointConfigName=config)
        until(lambda: self.status(config) != "Creating")
        yield config
        until(lambda: self.status(config) != "Updating")
        sagemaker.delete_endpoint(EndpointName=config)

    def status(self, name: str) -> str:
        sagemaker = self.platform.session.aws.sagemaker
        return str(sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])

    def ask(self, endpoint: str) -> Answer:
        """Ask about a new image."""
        name = self.platform.session.names.function("inference_adapter")
        functions: Any = self.platform.session.aws.client("lambda")
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]
        if variables["Variables"]["ENDPOINT_NAME"] != endpoint:
            variables["Variables"]["ENDPOINT_NAME"] = endpoint
            functions.update_function_configuration(FunctionName=name, Environment=variables)
        image = pictures.encoded(pictures.corners(), "PNG") + uuid4().bytes
        return self.platform.session.api.ask(image, content_type="image/png")


@pytest.fixture(scope="module")
def elsewhere(
    platform: Deployed,
    aws: Aws,
    local_project: Project,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Elsewhere]:
    """The adapter, allowed to call any endpoint, and a container that does as it is told."""
    context = tmp_path_factory.mktemp("image")
    shutil.copytree(PROGRAMS, context / "bin")
    (context / "Dockerfile").write_text(DOCKERFILE.lstrip(), encoding="utf-8")
    aws.client("ecr").create_repository(repositoryName=REPOSITORY)
    publish_image(aws, local_project.images, ImageAsset(context, "Dockerfile", REPOSITORY, "1"))
    service = "sagemaker.amazonaws.com"
    role = allow(aws, REPOSITORY, (["ecr:*", "logs:*", "cloudwatch:*"], "*"), service=service)
    name = platform.session.names.function("inference_adapter")
    functions: Any = aws.client("lambda")
    before = functions.get_function_configuration(FunctionName=name)
    adapter = before["Role"].rpartition("/")[2]
    anywhere = {"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [anywhere]})
    iam = aws.client("iam")
    iam.put_role_policy(RoleName=adapter, PolicyName=REPOSITORY, PolicyDocument=policy)
    yield Elsewhere(platform, role)
    functions.update_function_configuration(FunctionName=name, Environment=before["Environment"])
    iam.delete_role_policy(RoleName=adapter, PolicyName=REPOSITORY)


def test_without_an_endpoint_the_service_is_unavailable(elsewhere: Elsewhere) -> None:
    answer = elsewhere.ask("no-such-endpoint")
    assert (answer.status, answer.body["error"]["code"]) == (503, "unavailable")
    assert "no-such-endpoint" not in str(answer.body)


def test_a_model_that_fails_makes_the_service_unavailable(elsewhere: Elsewhere) -> None:
    with elsewhere.endpoint(elsewhere.config(BROKEN="1")) as name:
        answer = elsewhere.ask(name)
    assert (answer.status, answer.body["error"]["code"]) == (503, "unavailable")


def test_the_service_answers_while_its_endpoint_is_updated(elsewhere: Elsewhere) -> None:
    first, second = (
        json.dumps(
            {"label": "7", "probability": 1.0, "probabilities": {"7": 1.0}, "model_version": v}
        )
        for v in ("v1", "v2")
    )
    seen: list[Answer] = []

    def renewed(name: str) -> bool:
        seen.append(elsewhere.ask(name))
        return seen[-1].status != 200 or seen[-1].body["model_version"] == "v2"

    with elsewhere.endpoint(elsewhere.config(GREETING=first)) as name:
        assert not renewed(name)
        elsewhere.platform.session.aws.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=elsewhere.config(GREETING=second)
        )
        until(lambda: renewed(name))
    assert {each.status for each in seen} == {200}
