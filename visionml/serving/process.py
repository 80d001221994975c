"""``serve``: one process listens and hands connections to a worker process per core.

Handing over each accepted connection, to the worker that has fewest, keeps two cores busy with
eight connections, which the kernel's own choice among processes does not. The listening process
checks the model's record and hash, imports once what every worker needs, watches over the workers,
replaces one that dies, and passes SIGTERM on, upon which they finish what they have begun.
"""

import contextlib
import gc
import importlib
import json
import logging
import os
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from visionml.errors import MachineUnfit, VisionmlError
from visionml.model import artefact
from visionml.serving.settings import ServerSettings

READY, CLOSED = b"r", b"c"
_RESTARTS, _RESTART_WINDOW_SECONDS = 5, 60.0
_BACKLOG = 1024
READ_AHEAD_BYTES = 1 << 20
"""Of a body, before the application has taken any: uvicorn alone stops at each 64 KiB."""
_FOR_WORKERS = ("visionml.serving.worker", "uvloop")
"""What workers import, but for ONNX Runtime: it starts a thread, which a fork would lose."""

log = logging.getLogger(__name__)


def main() -> int:
    """Serve until SIGTERM; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout, force=True)
    try:
        settings = ServerSettings.read()
        if settings.model_folder is not None:
            artefact.read(settings.model_folder)
        _import_for_workers()
        with tempfile.TemporaryDirectory(prefix="serve-") as state:
            return Listener(settings, Path(state)).run()
    except VisionmlError as error:
        print(error, file=sys.stderr)  # noqa: T201 - SageMaker shows it as the reason
        return 1


def cores_of(workers: int, cores: Iterable[int]) -> tuple[int, ...]:
    """Return the cores that workers keep to, one each; none where they are not as many.

    A worker's two threads then find each other's data in one core's cache, which takes a few per
    cent off the processor time of a request.
    """
    own = tuple(sorted(cores))
    return own if len(own) == workers > 1 else ()


def _import_for_workers() -> None:
    """Import what is the same in all workers, so that they share its memory and nobody waits twice.

    Nothing of it may start a thread: this process forks.
    """
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # a worker stands for one core
    for module in _FOR_WORKERS:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what is not looked through stays shared


@dataclass
class _Worker:
    pid: int
    channel: socket.socket
    core: int | None
    ready: bool = False
    connections: int = 0


class Listener:
    """Accepts connections and looks after the worker processes."""

    def __init__(self, settings: ServerSettings, state: Path) -> None:
        """Serve with workers that share the folder `state`."""
        self._settings = settings
        self._state = state
        self._socket = _bound(settings.host, settings.port)
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, _Worker] = {}
        self._deaths: list[float] = []
        self._cores = cores_of(settings.workers, os.sched_getaffinity(0))
        self._stopping = False
        self._exit_code = 0

    def run(self) -> int:
        """Serve until told to stop; return the exit code."""
        wake, woken = socket.socketpair()
        for end in (wake, woken):
            end.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._selector.register(wake, selectors.EVENT_READ, wake)
        for _ in range(self._settings.workers):
            self._start()
        deadline: float | None = None
        while self._workers:
            for key, _ in self._selector.select(0.5):
                if key.data is self._socket:
                    self._hand_over()
                elif key.data is wake:
                    with contextlib.suppress(BlockingIOError):
                        wake.recv(4096)
                else:
                    self._hear(key.data)
            if self._stopping:
                deadline = deadline or self._begin_draining()
                if time.monotonic() > deadline:
                    self._signal(signal.SIGKILL)
        return self._exit_code

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        taken = {worker.core for worker in self._workers.values()}
        core = next((each for each in self._cores if each not in taken), None)
        pid = os.fork()
        if pid == 0:
            self._become_worker(ours, theirs, core)
        theirs.close()
        ours.setblocking(False)
        worker = _Worker(pid, ours, core)
        self._workers[pid] = worker
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _become_worker(self, ours: socket.socket, theirs: socket.socket, core: int | None) -> None:
        """Run a worker in this forked process, and end it without returning."""
        code = 1
        try:
            if core is not None:
                os.sched_setaffinity(0, {core})
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the group: we stop it
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._selector.close()
            self._socket.close()
            for other in (ours, *(worker.channel for worker in self._workers.values())):
                other.close()
            from visionml.serving.worker import run  # noqa: PLC0415 - imported before the fork

            run(self._settings, theirs, self._state)
            code = 0
        except VisionmlError as error:
            print(error, file=sys.stderr)  # noqa: T201
        except BaseException:
            log.exception("A worker failed.")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _hand_over(self) -> bool:
        """Accept a connection and give it to a worker; return whether one was waiting."""
        try:
            connection, _ = self._socket.accept()
        except OSError:  # none, the caller went away, or there are too many open files
            return False
        with connection:
            ready = [worker for worker in self._workers.values() if worker.ready]
            for worker in sorted(ready, key=lambda worker: worker.connections):
                try:
                    socket.send_fds(worker.channel, [b"f"], [connection.fileno()])
                except OSError:  # it is dying, or too busy to take another
                    continue
                worker.connections += 1
                break
        return True

    def _hear(self, worker: _Worker) -> None:
        try:
            said = worker.channel.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self._bury(worker)
            return
        worker.connections -= said.count(CLOSED)
        if READY in said:
            worker.ready = True
            if all(each.ready for each in self._workers.values()):
                self._listen()

    def _listen(self) -> None:
        """Begin to accept, once every worker is warm: until then callers find a closed port.

        Connections last, so that those of an early caller would stay with the first worker.
        """
        if not self._stopping and self._socket.fileno() not in self._selector.get_map():
            self._socket.listen(_BACKLOG)
            self._selector.register(self._socket, selectors.EVENT_READ, self._socket)

    def _bury(self, worker: _Worker) -> None:
        self._selector.unregister(worker.channel)
        worker.channel.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)  # it closed its channel, so it is ending anyway
        _, status = os.waitpid(worker.pid, 0)
        del self._workers[worker.pid]
        if self._stopping:
            return
        code = os.waitstatus_to_exitcode(status)
        log.info("%s", json.dumps({"event": "worker_died", "exit_code": code}))
        now = time.monotonic()
        self._deaths = [t for t in self._deaths if now - t < _RESTART_WINDOW_SECONDS] + [now]
        if worker.ready and len(self._deaths) <= _RESTARTS:
            self._start()
        else:
            self._stopping, self._exit_code = True, 1

    def _begin_draining(self) -> float:
        if self._socket.fileno() in self._selector.get_map():
            self._selector.unregister(self._socket)
            while self._hand_over():
                pass
        self._socket.close()
        self._signal(signal.SIGTERM)
        return time.monotonic() + self._settings.drain_seconds

    def _signal(self, number: int) -> None:
        for worker in self._workers.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, number)


def _bound(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # connections inherit it: a usual image is there in whole when the worker first looks
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ_AHEAD_BYTES)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise MachineUnfit(
            f"Port {port} of {host} cannot be used: {error.strerror}.",
            hint="Name another one in SAGEMAKER_BIND_TO_PORT.",
        ) from error
    listening.setblocking(False)
    return listening
