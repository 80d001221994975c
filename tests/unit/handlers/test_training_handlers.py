"""The training machine's handlers, on golden events and in-memory platforms."""

import json
from datetime import timedelta
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from tests.fakes import events
from tests.fakes.objects import MemoryObjects
from tests.fakes.packages import MemoryPackages
from tests.fakes.parameters import MemoryParameters
from tests.fakes.sagemaker_jobs import MemoryJobs
from tests.fakes.table import MemoryTable
from tests.unit.handlers.conftest import ColdStart
from visionml.aws.jobs import Job
from visionml.contracts.dataset import SPLITS
from visionml.errors import Conflict, GateFailed, NotFound
from visionml.registry.lineage import Lineage
from visionml.registry.plan import Planner
from visionml.registry.register import Registry
from visionml.registry.versions import Versions


def planner(lineage: Lineage) -> Planner:
    record = {
        "dataset": "digits",
        "version": "3f2a9c0d1e5b7788",
        "created": "2026-11-20T10:15:00Z",
        "source": "digits",
        "classes": ["0"],
        "counts": {split: {"0": 3} for split in SPLITS},
        "refused": 0,
        "seed": 0,
    }
    address = "s3://datasets/manifests/digits/3f2a9c0d1e5b7788/dataset.json"
    return Planner(
        graph=lineage,
        objects=MemoryObjects({address: json.dumps(record).encode()}),
        jobs=MemoryJobs(),
        running=lambda _execution: True,
        datasets_bucket="datasets",
        models_bucket="models",
        image="vision:1",
        reuse=timedelta(days=1),
        tuning_seconds=600,
        lambda_prepare_images=0,
    )


RUN = events.load("evaluation_gate")["request"]["run_id"]
REPORT = events.load("evaluation_report")


def test_a_run_is_recorded_from_start_to_registration(
    cold_start: ColdStart, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    lineage = Lineage(MemoryTable())
    start = events.load("run_planner")
    plan = cold_start("run_planner", planner=planner(lineage)).handler(start, context)
    assert plan["train"] == {"job": f"{RUN}-train", "wanted": True}
    module = cold_start("run_recorder", lineage=lineage)
    for action, status in (("finished", "started"), ("registered", "registered")):
        answer = module.handler(events.load(f"run_recorder.{action}"), context)
        assert answer == {"run_id": RUN, "status": status}
    assert lineage.get(f"RUN#{RUN}").status == "registered"
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["RunsStarted"] for line in logged if "RunsStarted" in line] == [[1.0]]
    assert [line["RunsRegistered"] for line in logged if "RunsRegistered" in line] == [[1.0]]
    assert [line["Failures"] for line in logged if "Failures" in line] == [[0.0]] * 3


def test_a_second_start_of_a_run_raises_what_the_machine_catches(
    cold_start: ColdStart, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    module = cold_start("run_planner", planner=planner(Lineage(MemoryTable())))
    event = events.load("run_planner")
    module.handler(event, context)
    with pytest.raises(Conflict, match=RUN):
        module.handler({**event, "execution": "arn:another"}, context)
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["Failures"] for line in logged if "Failures" in line] == [[0.0], [1.0]]


def test_an_event_that_breaks_its_contract_is_refused_with_the_field(
    cold_start: ColdStart, context: LambdaContext
) -> None:
    event = events.load("run_planner")
    event["request"]["run_id"] = "my-run"
    with pytest.raises(ValidationError, match=r"request\.run_id"):
        cold_start("run_planner").handler(event, context)


def test_the_chooser_answers_and_records_the_best_model(
    cold_start: ColdStart, context: LambdaContext
) -> None:
    lineage = Lineage(MemoryTable())
    job = Job(f"{RUN}-train", "Completed", artefact="s3://m/model", metrics={})
    module = cold_start(
        "candidate_chooser",
        lineage=lineage,
        jobs=MemoryJobs(job),
        versions=Versions(MemoryParameters(), "ml-pipeline"),
    )
    answer = module.handler(events.load("candidate_chooser"), context)
    assert answer["candidate"]["artefact_s3_uri"] == "s3://m/model"
    assert answer["champion"] is None
    assert lineage.get(f"RUN#{RUN}").facts["candidate"] == answer["candidate"]


def test_the_starter_starts_one_run_for_an_event_that_comes_twice(
    cold_start: ColdStart, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = cold_start("run_starter")
    started: dict[str, Any] = {}

    def start(_states: object, machine: str, *, name: str, payload: dict[str, Any]) -> str:
        assert started.setdefault(name, payload) == payload
        return f"{machine}:{name}"

    monkeypatch.setattr(module.executions, "start", start)
    event = events.load("run_starter.dataset_ready")
    assert module.handler(event, context) == module.handler(event, context)
    assert [payload["dataset_version"] for payload in started.values()] == ["3f2a9c0d1e5b7788"]


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
