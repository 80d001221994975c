"""The models in one container of a multi-model endpoint: fetched, loaded and unloaded.

The contract is the one of "Custom containers contract for multi-model endpoints" in SageMaker's
documentation: ``POST /models`` loads, 507 asks for room, ``DELETE /models/NAME`` makes it, and
``POST /models/NAME/invoke`` answers. The least recently used model goes first.
"""

import asyncio
import hashlib
import json
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from visionml.local.sagemaker.artefacts import ArtefactRefused, unpack
from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.faults import Fault
from visionml.local.sagemaker.http1 import Answer, Pool
from visionml.local.sagemaker.objects import Location

ENVIRONMENT = {"SAGEMAKER_MULTI_MODEL": "true"}
"""What tells a container that models come and go."""
LOADING_SECONDS = 360.0
"""How long AWS goes on with a model whose first callers did not wait for it."""
_JSON = {"content-type": "application/json", "accept": "application/json"}
_NO_MEMORY = 507

Tell = Callable[[str, float], None]
"""Takes a metric's name and value; times are in microseconds."""


class NotLoaded(Exception):
    """The container refused to load a model."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"The container answered {answer.status}.")
        self.answer = answer


@dataclass(frozen=True)
class Artefacts:
    """Where an endpoint's artefacts come from, and where an instance keeps them."""

    cloud: Cloud
    role: str
    prefix: Location
    ml: Path
    """The folder that the container sees as ``/opt/ml``."""

    def fetch(self, target: str) -> None:
        """Unpack a model's artefact, unless it is here already.

        Raises
        ------
        Fault
            It cannot be had.
        """
        place, source = self.folder(target), self.prefix.below(target.lstrip("/"))
        if place.exists():
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=place.parent))
        try:
            unpack(self.cloud, self.role, source, draft)
            if not place.exists():
                draft.rename(place)
        except ArtefactRefused as error:
            raise Fault(
                "ValidationError",
                f"Failed to download model data(bucket: {source.bucket}, key: {source.key}). "
                "Please ensure that there is an object located at the URL and that the role "
                f"passed to CreateModel has permissions to download the model. ({error})",
            ) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def folder(self, target: str) -> Path:
        """Return where a model lies on this machine."""
        return self.ml / "models" / name_of(target) / "model"

    def url(self, target: str) -> str:
        """Return where the container finds a model."""
        private = self.cloud.runtime.private_folders
        return f"/opt/ml/models/{name_of(target)}/model" if private else str(self.folder(target))


def name_of(target: str) -> str:
    """Return the name that the container knows a ``TargetModel`` by."""
    return hashlib.sha256(target.encode()).hexdigest()[:32]


@dataclass(eq=False)
class Held:
    """A loaded model."""

    target: str
    busy: int = 0
    """Requests that it is working on: it is not unloaded meanwhile."""

    @property
    def path(self) -> str:
        """Where the container answers for it."""
        return f"/models/{name_of(self.target)}/invoke"


@dataclass(eq=False)
class Models:
    """What a container holds; used on one event loop only."""

    artefacts: Artefacts
    pool: Pool
    kept: bool = True
    """Whether models stay loaded after an invocation (``ModelCacheSetting``)."""
    _held: OrderedDict[str, Held] = field(default_factory=OrderedDict)
    _coming: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _freed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def count(self) -> int:
        """How many models are loaded or on their way."""
        return len(self._held) + len(self._coming)

    def has(self, target: str) -> bool:
        """Tell whether a model is loaded or on its way."""
        return target in self._held or target in self._coming

    async def lease(self, target: str, tell: Tell) -> Held:
        """Return a loaded model, which the caller gives back with `release`.

        A model goes on loading when its caller stops waiting.

        Raises
        ------
        Fault
            Its artefact cannot be had.
        NotLoaded
            The container refuses it.
        BadAnswer, Unreachable
            The container does not answer.
        """
        tell("ModelCacheHit", float(target in self._held))
        while (held := self._held.get(target)) is None:
            task = self._coming.get(target)
            if task is None:
                task = asyncio.create_task(self._come(target, tell))
                self._coming[target] = task
                task.add_done_callback(lambda ended: self._arrived(target, ended))
            await asyncio.shield(task)
        held.busy += 1
        self._held.move_to_end(target)
        return held

    def release(self, held: Held, tell: Tell) -> None:
        """Give back a leased model."""
        held.busy -= 1
        self._freed.set()
        if not self.kept and not held.busy:
            task = asyncio.create_task(self._leave(held, tell))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def _arrived(self, target: str, task: asyncio.Task[None]) -> None:
        self._coming.pop(target, None)
        if not task.cancelled():
            task.exception()  # those who wait get it; perhaps nobody waits any more

    async def _come(self, target: str, tell: Tell) -> None:
        async with asyncio.timeout(LOADING_SECONDS):
            began = time.perf_counter()
            await asyncio.to_thread(self.artefacts.fetch, target)
            tell("ModelDownloadingTime", (time.perf_counter() - began) * 1e6)
            async with self._turn:  # two at once would take each other's room
                await self._load(target, tell)
                self._held[target] = Held(target)
        tell("LoadedModelCount", float(len(self._held)))

    async def _load(self, target: str, tell: Tell) -> None:
        body = {"model_name": name_of(target), "url": self.artefacts.url(target)}
        while True:
            began = time.perf_counter()
            answer = await self.pool.request("POST", "/models", _JSON, json.dumps(body).encode())
            if 200 <= answer.status < 300 or answer.status == 409:
                tell("ModelLoadingTime", (time.perf_counter() - began) * 1e6)
                return
            if answer.status != _NO_MEMORY or not self._held:
                raise NotLoaded(answer)
            await self._make_room(tell)

    async def _make_room(self, tell: Tell) -> None:
        """Unload the model that was not used for the longest time, once one is not in use."""
        while (idle := next((each for each in self._held.values() if not each.busy), None)) is None:
            self._freed.clear()
            await self._freed.wait()
        await self._unload(idle, tell)

    async def _leave(self, held: Held, tell: Tell) -> None:
        async with self._turn:
            if not held.busy and self._held.get(held.target) is held:
                await self._unload(held, tell)

    async def _unload(self, held: Held, tell: Tell) -> None:
        del self._held[held.target]
        began = time.perf_counter()
        await self.pool.request("DELETE", f"/models/{name_of(held.target)}", _JSON)
        tell("ModelUnloadingTime", (time.perf_counter() - began) * 1e6)
        tell("LoadedModelCount", float(len(self._held)))
