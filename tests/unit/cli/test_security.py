"""``visionml security grants`` and ``visionml local calls``: what they print and how they end."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from visionml import workbench
from visionml.cli.main import app
from visionml.desks.security import Checked
from visionml.guardrails.grants import Denied, Grants, Unused, Wildcard
from visionml.local import calls, ministack
from visionml.local.state import FOLDER, Project

EXPLAINED = Unused("Serving/Role", "xray:PutTraceSegments", "*", "There is no X-Ray here.")
CLEAN = Grants(
    recorded=True,
    used=7,
    denied=(),
    unused=(EXPLAINED,),
    wildcards=(Wildcard("Serving/Role", ("xray:PutTraceSegments",), "*", "It knows none."),),
)


def _run(found: Grants, monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[int, str]:
    session = SimpleNamespace(security=SimpleNamespace(grants=lambda: Checked(found)))
    monkeypatch.setattr(workbench, "open", lambda _environment: session)
    answer = CliRunner().invoke(app, ["security", "grants", *options])
    return answer.exit_code, answer.stdout


def test_a_clean_record_ends_well_and_lists_reasons_when_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, shown = _run(CLEAN, monkeypatch)
    assert code == 0
    assert "Denied: 0" in shown
    assert "never used: 1, of which nobody says why: 0" in shown
    assert "There is no X-Ray here." not in shown
    assert "There is no X-Ray here." in _run(CLEAN, monkeypatch, "--all")[1]


@pytest.mark.parametrize(
    ("amiss", "told"),
    [
        ({"denied": (Denied("Serving/Role", "s3:GetObject", "arn:b", 4),)}, "arn:b (4 times)"),
        ({"unused": (Unused("Serving/Role", "s3:PutObject", "arn:b", ""),)}, "s3:PutObject arn:b"),
        (
            {"wildcards": (Wildcard("Serving/Role", ("s3:GetObject",), "arn:*", ""),)},
            "without a reason: 1\n  Serving/Role s3:GetObject arn:*",
        ),
    ],
)
def test_what_is_amiss_is_named_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, amiss: dict[str, tuple[object, ...]], told: str
) -> None:
    found = Grants(**{**vars(CLEAN), **amiss})
    code, shown = _run(found, monkeypatch)
    assert code == 1
    assert told in shown


def test_json_holds_the_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = json.loads(_run(CLEAN, monkeypatch, "--json")[1])
    assert shown["iam"] == {"denied": 0, "unexplained_unused": 0}
    assert shown["clean"] is True
    assert shown["unused"][0]["because"] == "There is no X-Ray here."


def test_without_a_record_the_wildcards_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Grants(**{**vars(CLEAN), "recorded": False, "used": 0, "unused": ()})
    code, shown = _run(found, monkeypatch)
    assert code == 0
    assert "An account keeps no record" in shown
    assert "Wildcards: 1" in shown


def test_calls_are_printed_of_roles_and_of_refusals(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / FOLDER).mkdir()
    monkeypatch.chdir(tmp_path)
    recorder = calls.Recorder(Project.find().calls)
    for role, allowed in (("reader", True), ("writer", False)):
        arn = f"arn:aws:iam::000000000000:role/{role}"
        recorder.note(ministack.Verdict(arn, "s3:GetObject", "arn:b", allowed, False))
    recorder.close()

    def printed(*options: str) -> str:
        return CliRunner().invoke(app, ["local", "calls", *options]).stdout

    assert printed("--role", "reader").endswith("role/reader s3:GetObject arn:b allowed 1\n")
    assert printed("--denied").endswith("role/writer s3:GetObject arn:b DENIED 1\n")
    assert len(json.loads(printed("--json"))) == 2
    assert printed("--role", "nobody") == "No call is recorded.\n"
