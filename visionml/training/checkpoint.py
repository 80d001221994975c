"""The state of a run after its last finished epoch, from which it goes on as if never stopped."""

import io
import logging
import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from visionml.errors import Conflict

Weights = dict[str, torch.Tensor]

log = logging.getLogger(__name__)


@dataclass
class State:
    """What the next epoch depends on; random numbers follow from the seed and the epoch."""

    epoch: int = 0
    """Epochs finished."""
    module: Weights = field(default_factory=dict)
    optimiser: dict[str, Any] = field(default_factory=dict)
    scaler: dict[str, Any] = field(default_factory=dict)
    best: Weights = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    """Of the best epoch so far."""

    def judge(self, metrics: dict[str, float], module: nn.Module) -> None:
        """Keep a finished epoch's weights if it is the best: most accurate, of equals surest."""
        if not self.metrics or _rank(metrics) > _rank(self.metrics):
            self.metrics = metrics
            self.best = {name: value.clone() for name, value in module.state_dict().items()}
        self.epoch = int(metrics["epoch"])


def _rank(metrics: dict[str, float]) -> tuple[float, float]:
    return metrics["validation_accuracy"], -metrics["validation_loss"]


@dataclass(frozen=True)
class Checkpoints:
    """One file in the folder that SageMaker keeps in step with S3.

    `identity` says which run this is: everything that, if it differed, would make going on wrong.
    """

    folder: Path
    identity: dict[str, str]

    @property
    def path(self) -> Path:
        """The file, replaced whole after each epoch."""
        return self.folder / "last.pt"

    def save(self, state: State) -> None:
        """Replace the checkpoint; an interruption leaves the old one or the new one.

        Raises
        ------
        OSError
            It cannot be written, as on a full disk; nothing unfinished is left to fill it.
        """
        content = io.BytesIO()  # a full disk is then an OSError, not a fault of the archive's
        torch.save({"identity": self.identity, "state": vars(state)}, content)
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".tmp")
        try:
            with unfinished.open("wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        unfinished.replace(self.path)

    def load(self) -> State:
        """Return the saved state, or a fresh one when there is none that can be read.

        Raises
        ------
        Conflict
            The checkpoint is another run's; the message names what differs.
        """
        if not self.path.exists():
            return State()
        try:
            saved = torch.load(self.path, weights_only=True, map_location="cpu")
            state, identity = State(**saved["state"]), saved["identity"]
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
            log.warning("The checkpoint %s is damaged; training starts over: %s", self.path, error)
            return State()
        differing = sorted(
            name
            for name in {*identity, *self.identity}
            if identity.get(name) != self.identity.get(name)
        )
        if differing:
            raise Conflict(
                f"The checkpoint {self.path} is of another run: {', '.join(differing)} differ.",
                hint="Give each run a checkpoint folder of its own.",
            )
        log.info("resumed_after_epoch=%d", state.epoch)
        return state
