"""Finding and ending the processes of one embedded AWS, whoever started them.

Every process that a server starts, directly or not, inherits the variable `MARK` with the folder
of its project. That finds Lambda workers and containers after the server was killed, and never
another project's.
"""

from collections.abc import Iterable
from pathlib import Path

import psutil

from visionml.local.state import MARK

_PATIENCE_SECONDS = 3.0


def of_project(folder: Path) -> list[psutil.Process]:
    """Return the live processes marked with a project's folder, the calling one left out."""
    marked: list[psutil.Process] = []
    own = psutil.Process().pid
    for process in psutil.process_iter():
        try:
            if process.pid != own and process.environ().get(MARK) == str(folder):
                marked.append(process)
        except (psutil.Error, OSError):  # gone meanwhile, or another user's
            continue
    return [process for process in marked if process.is_running()]


def end(processes: Iterable[psutil.Process], *, patience: float = _PATIENCE_SECONDS) -> int:
    """Ask processes to end, then kill those that do not; return how many there were."""
    listed = list(processes)
    for process in listed:
        _signal(process, kill=False)
    _gone, stubborn = psutil.wait_procs(listed, timeout=patience)
    for process in stubborn:
        _signal(process, kill=True)
    psutil.wait_procs(stubborn, timeout=patience)
    return len(listed)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.Error:  # it ended by itself
        return
