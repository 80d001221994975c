"""``summary.json``: what one run of the notebooks did and found. Tools rely on these names."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

SUMMARY_FILE = "summary.json"
INDEX_FILE = "index.html"

Status = Literal["passed", "failed", "interrupted", "not_run"]


class NotebookResult(BaseModel):
    """How one notebook went; ``error`` names the cell and what it raised."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: Status
    seconds: float
    error: str | None = None


class RunSummary(BaseModel):
    """One run: its notebooks in order, and the figures that they recorded."""

    model_config = ConfigDict(frozen=True)

    environment: str
    started: datetime
    seconds: float
    commit: str | None
    """Of the working tree's repository; None outside of one."""
    notebooks: list[NotebookResult]
    results: dict[str, JsonValue]

    @property
    def passed(self) -> bool:
        """Whether every notebook ran to its end."""
        return all(notebook.status == "passed" for notebook in self.notebooks)
