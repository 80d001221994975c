"""The prober on a plan: what it answers, and what it publishes."""

from types import ModuleType
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.fakes import events
from tests.fakes.image_store import MemoryImages, entry
from tests.fakes.parameters import MemoryParameters
from tests.unit.handlers.conftest import ColdStart
from tests.unit.registry.test_versions import record
from visionml.aws.invocation import Invocation
from visionml.contracts.inference import ContainerPrediction
from visionml.errors import Unavailable
from visionml.registry.versions import Versions

PLAN = events.load("deployment_recorder.ended")["plan"]
VERSION = PLAN["model_version"]


class Endpoint:
    """Answers every image with one label, or not at all."""

    def __init__(self, label: str = "cat", status: int = 200) -> None:
        self.label, self.status = label, status
        self.types: set[str] = set()

    def invoke(self, _runtime: object, name: str, body: bytes, *, content_type: str) -> Invocation:
        assert name == PLAN["endpoint_name"]
        self.types.add(content_type)
        if self.status == 0:
            raise Unavailable("throttled")
        told = ContainerPrediction(
            label=self.label,
            probability=1.0,
            probabilities={"cat": 0.5, "dog": 0.5},
            model_version=VERSION,
        )
        text = told.model_dump_json() if self.status == 200 else "{}"
        return Invocation(self.status, text.encode(), "ModelA")


@pytest.fixture
def published() -> list[dict[str, Any]]:
    return []


def prober(
    cold_start: ColdStart, endpoint: Endpoint, published: list[dict[str, Any]]
) -> ModuleType:
    versions = Versions(MemoryParameters(), "ml-pipeline")
    known = record(VERSION).model_copy(update={"dataset": "digits", "dataset_version": "v1"})
    versions.write(known)

    class Figures:
        @staticmethod
        def publish(
            _client: object, namespace: str, figures: object, *, dimensions: object
        ) -> None:
            published.append({"of": namespace, "figures": figures, "by": dimensions})

    module = cold_start(
        "deployment_prober",
        versions=versions,
        objects=MemoryImages(
            [entry(label, number) for label in ("cat", "dog") for number in range(10)]
        ),
        invoke=endpoint.invoke,
        figures=Figures,
    )
    module._images.cache_clear()
    return module


def test_the_share_of_right_answers_is_published_for_the_endpoint(
    cold_start: ColdStart, context: LambdaContext, published: list[dict[str, Any]]
) -> None:
    endpoint = Endpoint("cat")
    answer = prober(cold_start, endpoint, published).handler({"plan": PLAN}, context)

    assert (answer["judged"], answer["right"], answer["accuracy"]) == (20, 10, 0.5)
    assert published == [
        {
            "of": "VisionML",
            "figures": {"ProbeAccuracy": 0.5, "Probes": 20},
            "by": {"EndpointName": PLAN["endpoint_name"]},
        }
    ]
    assert endpoint.types == {"image/png"}


@pytest.mark.parametrize("status", [0, 500])
def test_nothing_is_published_without_answers(
    cold_start: ColdStart,
    context: LambdaContext,
    published: list[dict[str, Any]],
    status: int,
) -> None:
    answer = prober(cold_start, Endpoint(status=status), published).handler({"plan": PLAN}, context)

    assert answer["failed"] == answer["asked"] > 0
    assert (answer["accuracy"], published) == (None, [])


def test_a_function_that_is_almost_out_of_time_asks_nothing(
    cold_start: ColdStart, context: LambdaContext, published: list[dict[str, Any]]
) -> None:
    context.get_remaining_time_in_millis = lambda: 5_000  # type: ignore[method-assign]

    answer = prober(cold_start, Endpoint(), published).handler({"plan": PLAN}, context)
    assert (answer["asked"], published) == (0, [])
