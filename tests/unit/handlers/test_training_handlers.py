"""The training machine's handlers, on golden events and in-memory platforms."""

import json

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from tests.fakes import events
from tests.fakes.objects import MemoryObjects
from tests.fakes.packages import MemoryPackages
from tests.fakes.parameters import MemoryParameters
from tests.fakes.table import MemoryTable
from tests.unit.handlers.conftest import ColdStart
from visionml.errors import Conflict, GateFailed, NotFound
from visionml.registry.lineage import Lineage
from visionml.registry.register import Registry
from visionml.registry.versions import Versions

RUN = events.load("evaluation_gate")["request"]["run_id"]
REPORT = events.load("evaluation_report")


def test_a_run_is_recorded_from_start_to_registration(
    cold_start: ColdStart, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    lineage = Lineage(MemoryTable())
    module = cold_start("run_recorder", lineage=lineage)
    for action in ("started", "registered"):
        answer = module.handler(events.load(f"run_recorder.{action}"), context)
        assert answer == {"run_id": RUN, "status": action}
    assert lineage.get(f"RUN#{RUN}").status == "registered"
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["RunsStarted"] for line in logged if "RunsStarted" in line] == [[1.0]]
    assert [line["Failures"] for line in logged if "Failures" in line] == [[0.0], [0.0]]


def test_a_second_start_of_a_run_raises_what_the_machine_catches(
    cold_start: ColdStart, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    module = cold_start("run_recorder", lineage=Lineage(MemoryTable()))
    event = events.load("run_recorder.started")
    module.handler(event, context)
    with pytest.raises(Conflict, match=RUN):
        module.handler({**event, "execution": "arn:another"}, context)
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["Failures"] for line in logged if "Failures" in line] == [[0.0], [1.0]]


def test_an_event_that_breaks_its_contract_is_refused_with_the_field(
    cold_start: ColdStart, context: LambdaContext
) -> None:
    event = events.load("run_recorder.started")
    event["request"]["run_id"] = "my-run"
    with pytest.raises(ValidationError, match=r"request\.run_id"):
        cold_start("run_recorder").handler(event, context)


@pytest.mark.parametrize(("accuracy", "passed"), [(0.9833, True), (0.95, True), (0.9499, False)])
def test_the_gate_judges_the_report_it_is_told_of(
    cold_start: ColdStart, context: LambdaContext, accuracy: float, passed: bool
) -> None:
    event = events.load("evaluation_gate")
    report = json.dumps({**REPORT, "accuracy": accuracy}).encode()
    objects = MemoryObjects({event["evaluation_s3_uri"]: report})
    module = cold_start("evaluation_gate", objects=objects)
    verdict = module.handler(event, context)
    assert verdict["passed"] is passed
    assert verdict["gates"][0]["value"] == accuracy


def test_the_gate_says_which_report_is_missing(
    cold_start: ColdStart, context: LambdaContext
) -> None:
    module = cold_start("evaluation_gate", objects=MemoryObjects())
    with pytest.raises(NotFound, match=r"report\.json"):
        module.handler(events.load("evaluation_gate"), context)


@pytest.fixture
def registry() -> Registry:
    event = events.load("model_registrar")
    return Registry(
        group="ml-pipeline-models",
        packages=MemoryPackages(),
        versions=Versions(MemoryParameters(), "ml-pipeline"),
        lineage=Lineage(MemoryTable()),
        objects=MemoryObjects(
            {
                event["artefact_s3_uri"]: b"model",
                event["evaluation_s3_uri"]: json.dumps(REPORT).encode(),
            }
        ),
    )


def test_the_registrar_answers_the_version_and_its_package(
    cold_start: ColdStart, context: LambdaContext, registry: Registry
) -> None:
    module = cold_start("model_registrar", registry=registry)
    answer = module.handler(events.load("model_registrar"), context)
    assert answer["model_version"] == RUN
    assert answer["model_package_arn"].endswith("model-package/ml-pipeline-models/1")


def test_the_registrar_refuses_what_did_not_pass(
    cold_start: ColdStart, context: LambdaContext, registry: Registry
) -> None:
    module = cold_start("model_registrar", registry=registry)
    verdict = events.load("run_recorder.rejected")["verdict"]
    with pytest.raises(GateFailed, match="is below"):
        module.handler({**events.load("model_registrar"), "verdict": verdict}, context)
