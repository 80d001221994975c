"""The process that looks at pictures: started when it is needed, and again when it has died."""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import IO, Any, TypeVar

from visionml.contracts import frames
from visionml.errors import InvalidInput, Unavailable

log = logging.getLogger("visionml.local")

PROGRAM = ("env", "OMP_WAIT_POLICY=PASSIVE", sys.executable, "-m", "visionml.serving.eyes")
"""Threads of OpenMP that spin while they wait slow down everything else."""
PATIENCE_SECONDS = 60.0
_GOODBYE_SECONDS = 2.0

Answer = dict[str, Any]
_T = TypeVar("_T")


class Eyes:
    """One such process; pictures are looked at in turn."""

    def __init__(
        self, program: Sequence[str] = PROGRAM, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._program, self._patience = program, patience_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._model: object = None
        self._turn = threading.Lock()

    def look(self, ask: str, picture: bytes) -> Answer:
        """Return what is seen in a picture: ``faces`` or ``text``.

        Raises
        ------
        Unavailable
            The process died over it, or took too long, twice.
        """
        return self._twice(lambda: self._exchange(ask, picture))

    def labels(self, picture: bytes, model: object, archive: Callable[[], bytes]) -> Answer:
        """Return the shares of a model's classes; `archive` is read where it is not loaded yet.

        Raises
        ------
        Unavailable
            As `look`.
        """

        def exchange() -> Answer:
            self._running()
            if self._model != model:
                loaded = self._exchange("load", archive())
                if "failed" in loaded:
                    return loaded
                self._model = model
            return self._exchange("labels", picture)

        return self._twice(exchange)

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._end()

    def _twice(self, exchange: Callable[[], _T]) -> _T:
        with self._turn:
            try:
                return exchange()
            except (OSError, EOFError, InvalidInput):
                log.warning("The process that looks at pictures died; it is started again.")
                self._end()
            try:
                return exchange()
            except (OSError, EOFError, InvalidInput) as error:
                self._end()
                raise Unavailable(
                    "The process that looks at pictures does not answer.",
                    hint="Its last words are at the end of .visionml/server.log.",
                ) from error

    def _exchange(self, ask: str, body: bytes) -> Answer:
        process = self._running()
        overdue = threading.Timer(self._patience, process.kill)
        overdue.daemon = True
        overdue.start()
        try:
            frames.send(_pipe(process.stdin), {"ask": ask}, body)
            received = frames.receive(_pipe(process.stdout))
        finally:
            overdue.cancel()
        if received is None:
            raise EOFError
        return received[0]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                self._program, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        return self._process

    def _end(self) -> None:
        process, self._process, self._model = self._process, None, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            try:
                _pipe(pipe).close()
            except OSError:  # what was not sent yet
                continue
        try:
            process.wait(_GOODBYE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _pipe(pipe: IO[bytes] | None) -> Any:
    if pipe is None:
        raise EOFError
    return pipe
