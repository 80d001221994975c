"""Several models in one container, under SageMaker's multi-model contract.

SageMaker downloads a model, tells the container to load it, and sends requests for it from then
on, until it tells the container to unload it. Each of these reaches one worker process. What is
loaded therefore stands in files that all of them see, and each worker keeps those models in
memory that it was last asked for: the least recently used one makes room.
"""

import hashlib
import json
import os
import tempfile
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.model import ONNX_FILE, ModelRecord
from visionml.errors import InvalidInput, NotFound, NotServing, RequestRefused
from visionml.serving.limits import ShelfLimits

if TYPE_CHECKING:
    from visionml.model.predict import Output

_WARM_UP_PREDICTIONS = 2
_Mark = tuple[int, int]


class Model(Protocol):
    """What is asked of a model; `visionml.model.predict.Predictor` is one."""

    record: ModelRecord

    def infer(self, pixels: NDArray[np.uint8], /, *, embed: bool = False) -> "Output":
        """Return what it says of (n, height, width, 3) pixels."""


@dataclass(frozen=True)
class _Held:
    model: Model
    bytes: int
    mark: _Mark
    """Which entry of the shelf it was read for: a name may be given to another model."""


def open_model(folder: Path) -> Model:
    """Return the model in `folder`, warmed up so that the first caller pays for no allocation.

    Raises
    ------
    NotFound, InvalidInput
        The folder holds a broken model.
    """
    from visionml.model.predict import Predictor  # noqa: PLC0415 - ONNX Runtime is heavy

    try:
        model = Predictor(folder)
        warm_up(model)
    except (NotFound, InvalidInput):
        raise
    except Exception as error:  # ONNX Runtime's errors have no common class
        raise InvalidInput(
            f"ONNX Runtime cannot run the model in {folder}: {error}.",
            hint="Export the model again.",
        ) from error
    return model


def warm_up(model: Model) -> None:
    """Predict on blank pictures."""
    size = model.record.input
    blank = np.zeros((1, size.height, size.width, 3), np.uint8)
    for _ in range(_WARM_UP_PREDICTIONS):
        model.infer(blank, embed=True)


class Shelf:
    """The models that SageMaker had loaded; used on one thread of each worker process."""

    def __init__(self, state: Path, *, root: Path, limits: ShelfLimits | None = None) -> None:
        """Share what is loaded through the folder `state`; models lie below `root`."""
        self._state = state
        self._root = root.resolve()
        self._limits = limits or ShelfLimits()
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._seen = 0

    def load(self, name: str, url: str) -> None:
        """Load the model in the folder `url` under a name.

        Raises
        ------
        RequestRefused
            400: there is no sound model; 409: the name is taken.
        NotServing
            507: it is larger than all the memory that models may have.
        """
        self._drop_unloaded()
        if self._mark(name) is not None:
            raise _taken(name)
        self._entry_written(name, url, *self._opened(url))

    def unload(self, name: str) -> None:
        """Forget a model; 404: it is not loaded."""
        try:
            self._entry(name).unlink()
        except FileNotFoundError:
            raise _unknown(name) from None
        self._drop_unloaded()

    def get(self, name: str) -> Model:
        """Return a loaded model, from memory if it was used lately; 404: it is not loaded."""
        self._drop_unloaded()
        mark = self._mark(name)
        if mark is None:
            raise _unknown(name)
        held = self._held.get(name)
        if held is None or held.mark != mark:
            model, size = self._opened(self.url(name))
            held = self._keep(name, _Held(model, size, mark))
        self._held.move_to_end(name)
        return held.model

    def url(self, name: str) -> str:
        """Return the folder that a model was loaded from; 404: it is not loaded."""
        try:
            return str(json.loads(self._entry(name).read_bytes())["modelUrl"])
        except FileNotFoundError:
            raise _unknown(name) from None

    def loaded(self) -> list[dict[str, str]]:
        """Return the name and folder of every loaded model, as the contract spells them."""
        found = []
        for path in self._state.glob("*.json"):
            with suppress(FileNotFoundError):  # unloaded meanwhile
                found.append(json.loads(path.read_bytes()))
        return sorted(found, key=lambda each: str(each["modelName"]))

    @property
    def in_memory(self) -> list[str]:
        """The names of the models in this process's memory, the most recently used last."""
        return list(self._held)

    def _opened(self, url: str) -> tuple[Model, int]:
        folder = Path(url).resolve()
        if not folder.is_relative_to(self._root):
            raise _invalid(f"Models are loaded from folders below {self._root} only.")
        try:
            size = (folder / ONNX_FILE).stat().st_size
            if size > self._limits.bytes:
                raise NotServing(
                    f"The model's graph has {size:,} bytes; all models together may have "
                    f"{self._limits.bytes:,}.",
                    code="insufficient_memory",
                    status=507,
                    limit=self._limits.bytes,
                    hint="Raise SERVE_MODELS_BYTES.",
                )
            self._make_room(size)
            return open_model(folder), size
        except FileNotFoundError:
            raise _invalid(f"There is no {ONNX_FILE} in {folder}.") from None
        except (NotFound, InvalidInput) as error:
            raise _invalid(str(error)) from error

    def _entry_written(self, name: str, url: str, model: Model, size: int) -> None:
        entry = self._entry(name)
        with tempfile.NamedTemporaryFile("w", dir=self._state, suffix=".new") as draft:
            json.dump({"modelName": name, "modelUrl": url}, draft)
            draft.flush()
            try:
                os.link(draft.name, entry)
            except FileExistsError:  # another worker was told the same at the same time
                raise _taken(name) from None
        mark = self._mark(name)
        if mark is not None:
            self._keep(name, _Held(model, size, mark))

    def _keep(self, name: str, held: _Held) -> _Held:
        self._held.pop(name, None)
        self._make_room(held.bytes)
        self._held[name] = held
        return held

    def _make_room(self, size: int) -> None:
        while self._held and (
            len(self._held) >= self._limits.models
            or sum(each.bytes for each in self._held.values()) + size > self._limits.bytes
        ):
            self._held.popitem(last=False)

    def _drop_unloaded(self) -> None:
        """Give back the memory of what another worker was told to unload."""
        changed = self._state.stat().st_mtime_ns
        if changed != self._seen:
            self._seen = changed
            for name in [each for each in self._held if self._mark(each) is None]:
                del self._held[name]

    def _mark(self, name: str) -> _Mark | None:
        try:
            found = self._entry(name).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _entry(self, name: str) -> Path:
        return self._state / f"{hashlib.sha256(name.encode()).hexdigest()}.json"


def _unknown(name: str) -> RequestRefused:
    return RequestRefused(
        f"No model named {name[:100]!r} is loaded.", code="no_such_model", status=404
    )


def _taken(name: str) -> RequestRefused:
    return RequestRefused(
        f"A model named {name[:100]!r} is loaded already.",
        code="model_loaded",
        status=409,
        hint="Unload it first.",
    )


def _invalid(message: str) -> RequestRefused:
    return RequestRefused(message, code="invalid_model", status=400)
