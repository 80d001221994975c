"""Callers keep their variant; answers are kept and told their truth; a challenger scales."""

import base64
import json
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.fakes import events
from tests.fakes.table import MemoryTable
from tests.unit.handlers.conftest import ColdStart
from tests.unit.handlers.test_inference_adapter import ANSWER, Endpoint, Stream, publisher
from tests.unit.serving.test_truths import classes, event
from visionml.contracts.inference import InferenceRequest
from visionml.serving.predictions import Predictions
from visionml.serving.sticky import Sticky, chosen, pseudonym
from visionml.serving.truths import Truths

IMAGE = events.load("inference_adapter.image")
WEIGHTS = {"ModelA": 0.5, "ModelB": 0.5}


def asked_by(caller: str) -> dict[str, Any]:
    return {**IMAGE, "headers": {**IMAGE["headers"], "X-Caller-Id": caller}}


def record(content: bytes) -> dict[str, Any]:
    return {"kinesis": {"data": base64.b64encode(content).decode()}}


def truth_event(prediction_id: str, body: str) -> dict[str, Any]:
    return {
        **IMAGE,
        "pathParameters": {"id": prediction_id},
        "body": body,
        "isBase64Encoded": False,
    }


def test_a_caller_with_a_name_is_answered_by_his_variant(
    cold_start: ColdStart, context: LambdaContext
) -> None:
    endpoint = Endpoint(ANSWER)
    module = cold_start(
        "inference_adapter",
        runtime=endpoint,
        publisher=publisher(cold_start, Stream()),
        sticky=Sticky(lambda: WEIGHTS),
    )
    callers = [f"caller-{number}" for number in range(20)]
    for caller in (*callers, ""):
        assert module.handler(asked_by(caller), context)["statusCode"] == 200
    targets = [request.get("TargetVariant") for request in endpoint.asked]
    assert targets == [*(chosen(pseudonym(caller), WEIGHTS) for caller in callers), None]
    assert set(targets) == {"ModelA", "ModelB", None}


def test_weights_are_read_from_the_endpoint_where_assignment_is_sticky(
    cold_start: ColdStart,
) -> None:
    made: list[str] = []

    class Sagemaker:
        def describe_endpoint(self, **_which: str) -> dict[str, Any]:
            variants = [
                {"VariantName": "ModelA", "CurrentWeight": 0.5, "DesiredWeight": 0.0},
                {"VariantName": "ModelB", "CurrentWeight": 0.5, "DesiredWeight": 1.0},
                {"VariantName": "ModelC", "CurrentWeight": 0.001},
            ]
            return {"ProductionVariants": variants}

    class Clients:
        def client(self, service: str, **_options: Any) -> Sagemaker:
            made.append(service)
            return Sagemaker()

    publishing = cold_start("publishing")
    sticky = publishing.sticky_to(Clients(), "endpoint", "sticky")
    assert made == []
    found = {sticky.variant(pseudonym(f"caller-{number}")) for number in range(50)}
    assert found == {"ModelB"}
    assert made == ["sagemaker"]
    assert publishing.sticky_to(Clients(), "endpoint", "weights").variant("caller") is None


def test_a_prediction_that_is_collected_later_is_made_by_the_callers_variant_too(
    cold_start: ColdStart, context: LambdaContext
) -> None:
    table = Predictions(MemoryTable(), days=1)  # type: ignore[arg-type]
    acceptor = cold_start("prediction_acceptor", predictions=table, kinesis=(stream := Stream()))

    class Bucket:
        def write(self, address: str, content: bytes, *, content_type: str) -> None:
            pass

    acceptor.uploaded._objects = Bucket()
    acceptor.handler(asked_by("alice"), context)
    (sent,) = stream.records
    request = InferenceRequest.model_validate_json(sent["Data"])
    assert (request.caller, "alice" in str(sent["Data"])) == (pseudonym("alice"), False)

    class Uploads:
        def read(self, _address: str, *, limit: int) -> bytes:
            return base64.b64decode(IMAGE["body"])

    endpoint = Endpoint(ANSWER)
    consumer = cold_start(
        "prediction_consumer",
        runtime=endpoint,
        sticky=Sticky(lambda: {"ModelA": 0.0001, "ModelB": 0.9, "ModelC": 0.0001}),
        uploaded=Uploads(),
    )
    consumer._infer(request)
    assert endpoint.asked[0]["TargetVariant"] == "ModelB"


@pytest.fixture
def truths() -> Truths:
    return Truths(MemoryTable(), days=36_500)  # type: ignore[arg-type]


def test_answers_are_kept_from_the_stream_and_what_is_none_is_left_out(
    cold_start: ColdStart, context: LambdaContext, truths: Truths
) -> None:
    module = cold_start("answer_keeper", truths=truths)
    records = [record(event(name).model_dump_json().encode()) for name in ("p1", "p2")]
    assert module.handler({"Records": [*records, record(b"none")]}, context) == {}
    assert truths.tell("p2", "7", classes=classes).right


def test_a_truth_is_taken(cold_start: ColdStart, context: LambdaContext, truths: Truths) -> None:
    truths.keep([event("p1")])
    module = cold_start("ground_truth", truths=truths, classes=classes)
    answer = module.handler(truth_event("p1", '{"label": "7"}'), context)
    told = {"prediction_id": "p1", "label": "7", "predicted": "7", "right": True}
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, told)


@pytest.mark.parametrize(
    ("told", "status", "code"),
    [
        (("p1", '{"label": "cat"}'), 422, "unknown_class"),
        (("p2", '{"label": "7"}'), 404, "unknown_prediction"),
        (("p1", '{"label": ""}'), 400, "invalid_json"),
        (("p1", '{"label": "7", "who": "me"}'), 400, "invalid_json"),
        (("p1", ""), 400, "invalid_json"),
    ],
)
def test_what_is_no_truth_is_refused_with_a_reason(
    cold_start: ColdStart, context: LambdaContext, told: tuple[str, str], status: int, code: str
) -> None:
    truths = Truths(MemoryTable(), days=36_500)  # type: ignore[arg-type]
    truths.keep([event("p1")])
    module = cold_start("ground_truth", truths=truths, classes=classes)
    answer = module.handler(truth_event(*told), context)
    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (status, code)


class AutoScaling:
    """Application Auto Scaling with what is registered."""

    def __init__(self, *registered: str) -> None:
        self.registered = set(registered)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def describe_scalable_targets(self, **which: Any) -> dict[str, Any]:
        found = self.registered.intersection(which["ResourceIds"])
        return {"ScalableTargets": [{"ResourceId": each} for each in found]}

    def __getattr__(self, name: str) -> Any:
        return lambda **request: self.asked.append((name, request))


@pytest.mark.parametrize(
    ("variants", "registered", "action"),
    [
        (["ModelA", "ModelB"], False, "start"),
        (["ModelA", "ModelB"], True, "start"),
        (["ModelA"], True, "stop"),
        (["ModelA"], False, "keep"),
    ],
)
def test_a_challenger_scales_while_it_is_there(
    cold_start: ColdStart,
    context: LambdaContext,
    variants: list[str],
    registered: bool,
    action: str,
) -> None:
    class Sagemaker:
        def describe_endpoint(self, **_which: str) -> dict[str, Any]:
            found = [{"VariantName": name} for name in variants]
            return {"EndpointStatus": "InService", "ProductionVariants": found}

    module = cold_start("challenger_scaler", sagemaker=Sagemaker())
    resource = f"endpoint/{module.environment.endpoint_name}/variant/ModelB"
    scaling = AutoScaling(*([resource] if registered else []))
    module.scaling._client = scaling
    assert module.handler({}, context) == {"action": action}
    names = [name for name, _ in scaling.asked]
    assert {request["ResourceId"] for _, request in scaling.asked} <= {resource}
    assert (
        names
        == {
            "start": ["register_scalable_target", "put_scaling_policy"],
            "stop": ["deregister_scalable_target"],
            "keep": [],
        }[action]
    )
    if action == "start":
        assert (scaling.asked[0][1]["MinCapacity"], scaling.asked[0][1]["MaxCapacity"]) == (1, 10)
        config = scaling.asked[1][1]["TargetTrackingScalingPolicyConfiguration"]
        assert (config["TargetValue"], config["ScaleInCooldown"]) == (1000.0, 300)
