"""Starting and stopping a project's embedded AWS from another process."""

import fcntl
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from visionml.errors import Conflict, MachineUnfit, NotFound, Unavailable
from visionml.local import processes, state
from visionml.local.state import Project, State

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_LOG_LINES = 12


def up(project: Project, *, port: int | None = None) -> State:
    """Start the embedded AWS, or return the one that runs; what a killed run left is removed.

    Raises
    ------
    Conflict
        It runs on another port than the one asked for.
    MachineUnfit
        The port is taken, or the disk is full or cannot be written.
    Unavailable
        It did not answer in a minute; the end of its log is in the message.
    """
    project.prepare()
    with _one_at_a_time(project):
        running = state.recorded(project)
        if running and running.alive() and _answers(running):
            if port not in {None, running.port}:
                raise Conflict(
                    f"The embedded AWS runs already, on port {running.port}.",
                    hint="Stop it first: `visionml local down`.",
                )
            return running
        _clear(project)
        _check_port(port)
        return _start(project, port or 0)


def down(project: Project) -> int:
    """Stop the embedded AWS and everything it started; return how many processes that were."""
    if not project.folder.is_dir():
        return 0
    with _one_at_a_time(project):
        return _clear(project)


def reset(project: Project, *, port: int | None = None) -> State:
    """Forget everything in the embedded AWS; it keeps its port and its access key."""
    running = state.recorded(project)
    down(project)
    for folder in (project.images, project.containers, project.temporary):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        return up(project, port=port or (running.port if running else None))
    except MachineUnfit:
        if port or not running:
            raise
        return up(project)


def answering(project: Project) -> State:
    """Return the running embedded AWS after it answered.

    Raises
    ------
    NotFound
        None runs.
    Unavailable
        Its process lives but does not answer.
    """
    running = state.read(project)
    if not _answers(running):
        raise Unavailable(
            f"The embedded AWS (process {running.pid}) does not answer on {running.endpoint_url}.",
            hint="Restart it: `visionml local down`, then `visionml local up`.",
        )
    return running


@contextmanager
def _one_at_a_time(project: Project) -> Iterator[None]:
    with (project.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clear(project: Project) -> int:
    """End every process of the project and remove what only a running server needs."""
    running = state.recorded(project)
    count = 0
    if running and running.alive():
        count = 1 + len(processes.of_project(project.folder))
        server = psutil.Process(running.pid)
        count -= 1 if _marked(server, project) else 0
        processes.end([server], patience=_STOP_SECONDS)
    left = processes.end(processes.of_project(project.folder))
    project.state_file.unlink(missing_ok=True)
    for folder in (project.temporary, project.containers):
        shutil.rmtree(folder, ignore_errors=True)
    return max(count, left)


def _marked(process: psutil.Process, project: Project) -> bool:
    try:
        return process.environ().get(state.MARK) == str(project.folder)
    except psutil.Error:
        return False


def _check_port(port: int | None) -> None:
    if port is None:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise MachineUnfit(
                f"Port {port} of 127.0.0.1 cannot be used: {error.strerror}.",
                hint="Choose another with --port, or leave it out to take a free one.",
            ) from error


def _inherited() -> dict[str, str]:
    """Return the environment, but let functions keep their bytecode: cold starts take half."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _start(project: Project, port: int) -> State:
    command = [sys.executable, "-m", "visionml.local.server"]
    command += ["--folder", str(project.folder), "--port", str(port)]
    with project.log.open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=project.folder,
            env={**_inherited(), state.MARK: str(project.folder)},
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        started = state.recorded(project)
        if started and started.pid == process.pid and _answers(started):
            process.returncode = 0  # it goes on without us; do not warn about an unwaited child
            return started
        if process.poll() is not None:
            break
        time.sleep(0.02)
    processes.end([*_living(process.pid), *processes.of_project(project.folder)])
    process.wait(_STOP_SECONDS)
    raise Unavailable(
        f"The embedded AWS did not start. The end of {project.log}:\n{_tail(project)}",
        hint="Run `visionml local reset` if the message does not say what is wrong.",
    )


def _living(pid: int) -> list[psutil.Process]:
    try:
        return [psutil.Process(pid)]
    except psutil.Error:
        return []


def _answers(running: State) -> bool:
    context = ssl.create_default_context(cafile=running.ca_certificate)
    connection = http.client.HTTPSConnection("127.0.0.1", running.port, timeout=5, context=context)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(project: Project) -> str:
    try:
        lines = project.log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    return "\n".join(lines[-_LOG_LINES:])


def status(project: Project) -> dict[str, object]:
    """Return whether the embedded AWS answers, where it is, and how many processes it has."""
    try:
        running = answering(project)
    except (NotFound, Unavailable) as error:
        return {"running": False, "folder": str(project.folder), "reason": str(error)}
    return {
        "running": True,
        "folder": str(project.folder),
        "endpoint_url": running.endpoint_url,
        "region": running.region,
        "account": running.account,
        "pid": running.pid,
        "processes": len(processes.of_project(project.folder)),
        "log": str(project.log),
    }
