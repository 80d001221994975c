"""Execute one notebook with papermill, telling which cell runs."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import NBClientEngine, papermill_engines
from pydantic import JsonValue

from visionml.errors import JobFailed
from visionml.runs.source import Notebook

OnCell = Callable[[int, int], None]
"""Called with (cells begun, cells in all) as each cell starts."""

CELL_TIMEOUT_SECONDS = 1800
_ENGINE = "visionml"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

logging.getLogger("papermill").setLevel(logging.ERROR)


@dataclass(frozen=True)
class CellFailure:
    """The cell that stopped a notebook."""

    cell: str
    """Its mark in the executed notebook, such as ``In [6]``."""
    source: str
    error: str
    message: str
    traceback: str

    def __str__(self) -> str:
        return f"{self.cell}: {self.error}: {self.message}".rstrip(": ")


class NotebookStopped(JobFailed):
    """A cell raised; the partial notebook is kept."""

    def __init__(self, notebook: str, failure: CellFailure, *, kept: Path) -> None:
        super().__init__(
            f"The notebook {notebook} stopped at {failure}",
            hint=f"What ran of it is kept in {kept}.",
        )
        self.notebook = notebook
        self.failure = failure


class _WatchedEngine(NBClientEngine):  # type: ignore[misc]
    """papermill's own engine, which also says which cell starts."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, on_cell: OnCell, **options: Any
    ) -> None:
        start = nb_man.cell_start

        def cell_start(cell: Any, cell_index: int, **more: Any) -> None:
            on_cell(cell_index + 1, len(nb_man.nb.cells))
            start(cell, cell_index, **more)

        nb_man.cell_start = cell_start
        super().execute_managed_notebook(nb_man, kernel_name, **options)


papermill_engines.register(_ENGINE, _WatchedEngine)


def execute(
    notebook: Notebook, output: Path, *, parameters: Mapping[str, JsonValue], on_cell: OnCell
) -> None:
    """Execute a notebook into `output`, which holds what ran even when this raises.

    Raises
    ------
    NotebookStopped
        A cell raised, ran longer than half an hour, or took its kernel down.
    """
    begun = 0

    def watched(cell: int, cells: int) -> None:
        nonlocal begun
        begun = cell
        on_cell(cell, cells)

    try:
        papermill.execute_notebook(
            notebook.path,
            output,
            parameters=dict(parameters),
            engine_name=_ENGINE,
            kernel_name="python3",
            progress_bar=False,
            cwd=notebook.path.parent,
            execution_timeout=CELL_TIMEOUT_SECONDS,
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
            coalesce_streams=True,
            on_cell=watched,
        )
    except papermill.PapermillExecutionError as error:
        failure = CellFailure(
            cell=f"In [{error.exec_count}]",
            source=error.source,
            error=error.ename,
            message=error.evalue,
            traceback=_COLOURS.sub("", "\n".join(error.traceback)),
        )
        raise NotebookStopped(notebook.name, failure, kept=output) from error
    except (CellTimeoutError, DeadKernelError) as error:
        kind, message = type(error).__name__, str(error)
        failure = CellFailure(f"cell {begun}", "", kind, message, "")
        raise NotebookStopped(notebook.name, failure, kept=output) from error
