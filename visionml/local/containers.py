"""Containers of the embedded AWS: an image's program as a process of this machine.

Where the host allows it, ``unshare`` gives each container a private ``/opt/ml`` and
``/etc/hosts`` without privileges; elsewhere ``SAGEMAKER_BASE_DIR`` names the folder. A container
gets the variables it is given and nothing of the server's own environment.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from visionml.local.state import MARK

KILLED = 128 + signal.SIGKILL
NOT_FOUND = 127
_LINE_BYTES = 256 * 1024
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT = (MARK, "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_DIR")

# $1 the folder that becomes /opt/ml, $2 the hosts file, $3 the working folder, then the command.
# A host without /opt/ml gets a private /opt: its entries stay where they are.
_ENTER = """
set -e
ml=$1 hosts=$2 folder=$3
shift 3
if [ ! -d /opt/ml ]; then
  cd "$ml/.."
  mkdir -p .opt .ml
  mount --rbind /opt .opt
  mount --bind "$ml" .ml
  mount -t tmpfs -o mode=755 tmpfs /opt
  for entry in .opt/* .opt/.[!.]*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    name=${entry#.opt/}
    if [ -L "$entry" ]; then cp -P "$entry" "/opt/$name"
    elif [ -d "$entry" ]; then mkdir "/opt/$name" && mount --rbind "$entry" "/opt/$name"
    else : > "/opt/$name" && mount --bind "$entry" "/opt/$name"; fi
  done
  mkdir /opt/ml
  mount --bind .ml /opt/ml
else
  mount --bind "$ml" /opt/ml
fi
mount --bind "$hosts" /etc/hosts
cd "$folder"
exec "$@"
"""


@dataclass(frozen=True)
class Launch:
    """What to run: a command of an image over a folder that the container sees as ``/opt/ml``."""

    command: Sequence[str]
    ml: Path
    variables: Mapping[str, str]
    workdir: Path
    hosts: Sequence[str] = ("algo-1",)
    """Names that mean this machine, as the peers of a training cluster are called."""


class Container:
    """A running container; made by `Runtime.start`."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", on_line: Callable[[str], None], hosts: Path
    ) -> None:
        self._process = process
        self._on_line = on_line
        self._hosts = hosts
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, name=f"log-{process.pid}", daemon=True)
        self._reader.start()
        threading.Thread(target=self._reap, name=f"reap-{process.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id; it is also the id of the container's process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code as Docker gives it (137 after SIGKILL), None while running."""
        if not self._ended.is_set():
            return None
        code = self._process.returncode
        return code if code >= 0 else 128 - code

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end, at most `timeout` seconds; return the exit code, None if it runs."""
        self._ended.wait(timeout)
        return self.exit_code

    def terminate(self) -> None:
        """Ask the container to end (SIGTERM)."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the container and whatever it has started."""
        self._signal(signal.SIGKILL)

    def stop(self, grace: float) -> int:
        """Ask the container to end, kill it after `grace` seconds; return the exit code."""
        self.terminate()
        if self.wait(grace) is None:
            self.kill()
        return self.wait() or 0

    def _signal(self, number: int) -> None:
        if not self._ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _reap(self) -> None:
        self._process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # what the program started ends with it
        self._reader.join(timeout=5)
        self._hosts.unlink(missing_ok=True)
        self._ended.set()

    def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        with stream:
            for raw in iter(lambda: stream.readline(_LINE_BYTES), b""):
                self._on_line(raw.decode("utf-8", "replace").rstrip("\r\n"))


@dataclass
class Runtime:
    """Starts containers and ends all of them when it is closed."""

    _starter: ThreadPoolExecutor = field(
        # the kernel's parent-death signal follows the starting thread, not the process
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="container-starter")
    )
    _running: set[Container] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def private_folders(self) -> bool:
        """Whether this host lets a container have its own ``/opt/ml``."""
        if not (sys.platform == "linux" and shutil.which("unshare") and Path("/opt").is_dir()):
            return False
        with tempfile.TemporaryDirectory() as scratch:
            ml, hosts = Path(scratch, "base"), Path(scratch, "hosts")
            ml.mkdir()
            hosts.touch()
            command = [*_unshare(), *_enter(ml, hosts, ml), "true"]
            tried = subprocess.run(command, capture_output=True, check=False, timeout=20)
        return tried.returncode == 0

    def start(self, launch: Launch, on_line: Callable[[str], None]) -> Container:
        """Start a container; `on_line` gets each line it prints, in a thread.

        A program that does not exist ends with exit code 127, as under Docker.

        Raises
        ------
        OSError
            The process cannot be started: no memory, no process slot, no disk.
        """
        container = self._starter.submit(self._start, launch, on_line).result()
        with self._lock:
            self._running = {each for each in self._running if each.exit_code is None}
            self._running.add(container)
        return container

    def close(self) -> None:
        """Kill every container that runs and wait until all have ended."""
        with self._lock:
            running = list(self._running)
        for container in running:
            container.kill()
        for container in running:
            container.wait(10)

    def _start(self, launch: Launch, on_line: Callable[[str], None]) -> Container:
        variables = {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "PATH": f"{Path(sys.executable).parent}:{_SYSTEM_PATH}",
            "HOME": str(launch.ml.parent),
            "TMPDIR": tempfile.gettempdir(),
            **launch.variables,
        }
        number, name = tempfile.mkstemp(prefix="hosts-", dir=launch.ml.parent)
        hosts = Path(name)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(_hosts_file(launch.hosts))
        command = [*_dies_with_parent(), *launch.command]
        if self.private_folders:
            command = [*_unshare(), *_enter(launch.ml, hosts, launch.workdir), *command]
        else:
            variables.setdefault("SAGEMAKER_BASE_DIR", str(launch.ml))
        process = subprocess.Popen(
            command,
            env=variables,
            cwd=launch.workdir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return Container(process, on_line, hosts)


def _unshare() -> list[str]:
    return [str(shutil.which("unshare")), "--user", "--map-root-user", "--mount"]


def _enter(ml: Path, hosts: Path, workdir: Path) -> list[str]:
    return ["/bin/sh", "-c", _ENTER, "container", str(ml), str(hosts), str(workdir)]


def _dies_with_parent() -> list[str]:
    """Return the prefix that ends a program with its starter: set last, entering clears it."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    # without setpriv a shell still reports a missing program by exit code, not by an exception
    return (
        [setpriv, "--pdeathsig", "KILL", "--"]
        if setpriv
        else ["/bin/sh", "-c", 'exec "$@"', "container"]
    )


def _hosts_file(names: Sequence[str]) -> str:
    try:
        known = Path("/etc/hosts").read_text(encoding="utf-8")
    except OSError:
        known = "127.0.0.1 localhost\n"
    return f"{known.rstrip()}\n127.0.0.1 {' '.join(names)}\n"
