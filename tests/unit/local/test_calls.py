"""The record of calls: small, readable while it is written, and told apart by what IAM asks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ministack.core import iam_evaluator
from ministack.services import sts

from visionml.contracts.calls import RecordedCall
from visionml.local import calls, ministack
from visionml.local.state import Project

ROLE = "arn:aws:iam::000000000000:role/reader"
BUCKET = "arn:aws:s3:::bucket"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def recorder(project: Project) -> Iterator[calls.Recorder]:
    made = calls.Recorder(project.calls)
    yield made
    made.close()


def _verdict(
    resource: str = "*",
    *,
    action: str = "s3:GetObject",
    allowed: bool = True,
    by_service: bool = False,
) -> ministack.Verdict:
    return ministack.Verdict(ROLE, action, resource, allowed, by_service)


def test_calls_are_counted_to_the_last_doubling(project: Project, recorder: calls.Recorder) -> None:
    for _ in range(100):
        recorder.note(_verdict(f"{BUCKET}/images/cats/1/a.png"))
    (call,) = calls.read(project)
    assert call == RecordedCall(
        principal=ROLE,
        action="s3:GetObject",
        resource=f"{BUCKET}/images/cats/1/a.png",
        allowed=True,
        by_service=False,
        count=64,
    )
    assert (call.role, call.service) == ("reader", "s3")
    assert len(project.calls.read_text().splitlines()) == 7


def test_objects_of_one_folder_share_a_row_and_those_of_others_do_not(
    project: Project, recorder: calls.Recorder
) -> None:
    for key in ("images/cats/1.png", "images/cats/2.png", "images/dogs/1.png", "top.png"):
        recorder.note(_verdict(f"{BUCKET}/{key}"))
    assert [(call.resource.removeprefix(BUCKET), call.count) for call in calls.read(project)] == [
        ("/images/cats/1.png", 2),
        ("/images/dogs/1.png", 1),
        ("/top.png", 1),
    ]


def test_a_refusal_and_a_services_question_have_rows_of_their_own(
    project: Project, recorder: calls.Recorder
) -> None:
    for verdict in (_verdict(), _verdict(allowed=False), _verdict(by_service=True)):
        recorder.note(verdict)
    assert [(call.allowed, call.by_service) for call in calls.read(project)] == [
        (True, False),
        (False, False),
        (True, True),
    ]


def test_the_record_stays_small_whatever_is_asked_for(
    project: Project, recorder: calls.Recorder
) -> None:
    for index in range(10_000):
        recorder.note(_verdict(f"arn:aws:dynamodb:us-east-1:000000000000:table/{index}"))
    found = calls.read(project)
    assert len(found) == 65
    assert found[-1].count == 8192


def test_a_line_being_written_is_left_out(project: Project, recorder: calls.Recorder) -> None:
    recorder.note(_verdict())
    with project.calls.open("a") as file:
        file.write('{"principal": "arn:aws:iam')
    assert len(calls.read(project)) == 1


def test_nothing_is_recorded_where_no_server_ran(project: Project) -> None:
    assert calls.read(project) == []


@pytest.mark.parametrize("by_service", [True, False])
def test_iams_verdicts_are_told_with_the_role_that_asked(
    monkeypatch: pytest.MonkeyPatch, *, by_service: bool
) -> None:
    name = "embedded-aws" if by_service else "reader"
    arn = f"arn:aws:sts::000000000000:assumed-role/reader/{name}"
    monkeypatch.setattr(sts, "_sessions", {"ASIAREADER": {"Arn": arn}})
    monkeypatch.setattr(
        iam_evaluator, "enforce", lambda *_asked: iam_evaluator.EvalResult("ImplicitDeny", arn)
    )
    told: list[ministack.Verdict] = []
    ministack.on_verdict(told.append)
    assert ministack.denial("ASIAREADER", "s3:GetObject", BUCKET)
    assert told == [_verdict(BUCKET, allowed=False, by_service=by_service)]


def test_a_key_that_nobody_has_is_not_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = iam_evaluator.AuthError("InvalidClientTokenId", "unknown")
    monkeypatch.setattr(iam_evaluator, "enforce", lambda *_asked: failed)
    told: list[ministack.Verdict] = []
    ministack.on_verdict(told.append)
    assert ministack.denial("ASIANOBODY", "s3:GetObject") == "unknown"
    assert told == []
