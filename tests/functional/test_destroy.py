"""Taking an environment down whose deployment failed or was interrupted: nothing is left."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from visionml import workbench
from visionml.desks.stacks import Progress
from visionml.errors import JobFailed
from visionml.local.state import Project, State
from visionml.workbench import Session


@pytest.fixture(scope="module")
def doomed(
    aws_local: State, local_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    """A second environment in the account, synthesised once."""
    with contextlib.chdir(local_project.folder.parent):
        made = workbench.open("local", overrides={"environment": "doomed"}, say=lambda _line: None)
    assembly = tmp_path_factory.mktemp("doomed")
    stacks = made.stacks.synth(assembly, guarded=False)

    def synth(output: Path, *, guarded: bool = True) -> list[str]:
        shutil.copytree(assembly, output, dirs_exist_ok=True)
        return stacks

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made.stacks, "synth", synth)
        yield made


def status(session: Session) -> dict[str, str]:
    table = session.stacks.table()
    return dict(zip(table["stack"], table["status"], strict=True))


def destroy(session: Session) -> list[str]:
    lines: list[str] = []
    left = session.stacks.destroy(on_progress=lambda progress: lines.append(progress.line))
    assert left.empty
    return lines


def test_what_a_failed_deployment_left_goes_and_what_it_did_not_make_is_told(
    doomed: Session, local_project: Project
) -> None:
    taken = doomed.names.bucket("models", doomed.aws.account)
    doomed.aws.s3.create_bucket(Bucket=taken)
    with contextlib.chdir(local_project.folder.parent):
        with pytest.raises(JobFailed, match="ROLLBACK_COMPLETE"):
            doomed.stacks.deploy()
        assert status(doomed) == {doomed.names.stack("storage"): "ROLLBACK_COMPLETE"}
        late = f"TargetTracking-endpoint/{doomed.names.endpoint}/variant/ModelA-AlarmHigh-1"
        doomed.aws.cloudwatch.put_metric_alarm(
            AlarmName=late,
            Namespace="AWS/SageMaker",
            MetricName="Invocations",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
        function = f"/aws/lambda/{doomed.names.function('answer_keeper')}"
        doomed.aws.logs.create_log_group(logGroupName=function)
        destroy(doomed)
        remaining = doomed.stacks.remaining()
        assert remaining.to_dict("list") == {"kind": ["bucket"], "name": [taken]}
        assert doomed.stacks.unexpected(remaining).equals(remaining)
        doomed.aws.s3.delete_bucket(Bucket=taken)
        assert doomed.stacks.remaining().empty


def test_an_interrupted_deployment_leaves_nothing_behind(
    doomed: Session, local_project: Project
) -> None:
    storage = doomed.names.stack("storage")

    def interrupt(progress: Progress) -> None:
        if progress.stack not in {"", "assets", storage}:
            raise KeyboardInterrupt

    with contextlib.chdir(local_project.folder.parent):
        with pytest.raises(KeyboardInterrupt):
            doomed.stacks.deploy(on_progress=interrupt)
        assert status(doomed)[storage] == "CREATE_COMPLETE"
        bucket = doomed.names.bucket("images", doomed.aws.account)
        for body in (b"1", b"2"):
            doomed.aws.s3.put_object(Bucket=bucket, Key="cats/1.jpg", Body=body)
        doomed.aws.s3.delete_object(Bucket=bucket, Key="cats/1.jpg")
        assert {"bucket", "table", "stream", "key"} <= set(doomed.stacks.remaining()["kind"])

        assert f"{bucket}: emptied, 3 versions" in destroy(doomed)
        assert doomed.stacks.remaining().empty
    pages: Any = doomed.aws.cloudformation.get_paginator("describe_stacks").paginate()
    assert not [s for page in pages for s in page["Stacks"] if "doomed" in s["StackName"]]
