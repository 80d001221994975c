"""Starting, stopping and surviving: the embedded AWS as a process."""

import io
import json
import os
import signal
import socket
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner, Result

from visionml.aws.session import Aws
from visionml.cli.local import local
from visionml.errors import Conflict, MachineUnfit, NotFound, Unavailable
from visionml.local import control, processes, state
from visionml.local.state import FOLDER, Project, State

Run = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path / FOLDER)
    yield made
    control.down(made)
    assert processes.of_project(made.folder) == []


@pytest.fixture
def run(project: Project, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(project.folder.parent)
    project.folder.mkdir()

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(local, list(arguments), catch_exceptions=False)

    return invoke


def _kill(running: State) -> None:
    os.kill(running.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(running.pid)], timeout=5)


def test_up_status_env_and_down_tell_one_story(run: Run, project: Project) -> None:
    started = json.loads(run("up", "--json").stdout)
    assert started["running"] is True
    again = json.loads(run("up", "--json").stdout)
    assert again["pid"] == started["pid"]

    told = json.loads(run("status", "--json").stdout)
    assert told["endpoint_url"] == started["endpoint_url"]
    variables = json.loads(run("env", "--json").stdout)
    assert variables["AWS_ENDPOINT_URL"] == started["endpoint_url"]
    assert f"export AWS_ENDPOINT_URL={started['endpoint_url']}\n" in run("env").stdout

    assert json.loads(run("down", "--json").stdout) == {"running": False, "stopped": 1}
    assert json.loads(run("down", "--json").stdout) == {"running": False, "stopped": 0}
    stopped = run("status", "--json")
    assert stopped.exit_code == 3
    assert json.loads(stopped.stdout)["running"] is False
    with pytest.raises(NotFound, match="visionml local up"):
        run("env")


def test_any_client_works_after_the_exports(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in control.up(project).environment().items():
        monkeypatch.setenv(name, value)
    aws = Aws()
    assert aws.account == "000000000000"
    assert aws.s3.list_buckets()["Buckets"]
    assert aws.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []


def test_it_starts_within_the_time_a_person_waits(project: Project) -> None:
    began = time.monotonic()
    control.up(project)
    assert time.monotonic() - began < 10  # about 1 s on an idle machine


def test_only_the_owner_reads_the_access_key(project: Project) -> None:
    control.up(project)
    for file in (project.state_file, project.credentials_file, project.tls / "server.key"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_killed_server_is_noticed_and_replaced(project: Project) -> None:
    first = control.up(project)
    _kill(first)
    with pytest.raises(NotFound, match="has died"):
        state.read(project)
    second = control.up(project)
    assert second.pid != first.pid
    assert second.access_key_id == first.access_key_id
    assert control.answering(project) == second


def test_nothing_outlives_a_killed_server(project: Project) -> None:
    running = control.up(project)
    aws = running.connect()
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = aws.client("iam").create_role(
        RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust)
    )["Role"]["Arn"]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        code = "import subprocess\nsubprocess.Popen(['sleep', '60'])\n\n\ndef handler(e, c): pass\n"
        archive.writestr("index.py", code)
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName="worker",
        Runtime="python3.12",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": buffer.getvalue()},
    )
    functions.invoke(FunctionName="worker")
    assert len(processes.of_project(project.folder)) == 3  # server, worker, its own child

    _kill(running)
    assert processes.of_project(project.folder) != []
    control.down(project)
    assert processes.of_project(project.folder) == []


def test_another_program_under_the_recorded_pid_is_left_alone(project: Project) -> None:
    running = control.up(project)
    control.down(project)
    stranger = psutil.Process().parent()
    assert stranger is not None
    stale = running.model_copy(update={"pid": stranger.pid})
    state.write(project, stale)
    assert control.status(project)["running"] is False
    control.up(project)
    assert stranger.is_running()


def test_a_half_written_state_is_no_obstacle(project: Project) -> None:
    project.prepare()
    project.state_file.write_text('{"endpoint_url": "https://127', encoding="utf-8")
    assert control.up(project).alive()


def test_a_port_in_use_is_named(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MachineUnfit, match=f"Port {port}"):
            control.up(project, port=port)
    assert state.recorded(project) is None
    assert control.up(project, port=port).port == port
    with pytest.raises(Conflict, match="visionml local down"):
        control.up(project, port=port + 1)


def test_a_full_disk_is_named_before_anything_starts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "LEAST_FREE_BYTES", 2**80)
    with pytest.raises(MachineUnfit, match="MiB left"):
        control.up(project)
    assert state.recorded(project) is None


def test_a_server_that_cannot_start_shows_its_log(project: Project) -> None:
    project.prepare()
    project.tls.write_text("a file where a folder belongs", encoding="utf-8")
    with pytest.raises(Unavailable, match=r"NotADirectoryError|FileExistsError"):
        control.up(project)


def test_two_copies_do_not_see_each_other(tmp_path: Path) -> None:
    copies = [Project(tmp_path / name / FOLDER) for name in ("one", "two")]
    try:
        one, two = (control.up(copy) for copy in copies)
        assert one.port != two.port
        one.connect().s3.create_bucket(Bucket="only-in-one")
        names = [bucket["Name"] for bucket in two.connect().s3.list_buckets()["Buckets"]]
        assert "only-in-one" not in names
        control.down(copies[0])
        assert control.answering(copies[1]) == two
    finally:
        for copy in copies:
            control.down(copy)


def test_reset_forgets_everything_but_keeps_address_and_key(project: Project) -> None:
    before = control.up(project)
    before.connect().s3.create_bucket(Bucket="to-be-forgotten")
    after = control.reset(project)
    assert (after.endpoint_url, after.access_key_id) == (before.endpoint_url, before.access_key_id)
    names = [bucket["Name"] for bucket in before.connect().s3.list_buckets()["Buckets"]]
    assert names == ["cdk-hnb659fds-assets-000000000000-us-east-1"]


def test_the_callers_own_aws_variables_do_not_reach_the_server(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREALACCOUNT")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of a real account")
    running = control.up(project)
    identity = running.connect().client("sts").get_caller_identity()
    assert identity["Arn"] == "arn:aws:iam::000000000000:user/administrator"
