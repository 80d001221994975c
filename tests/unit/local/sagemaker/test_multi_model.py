"""Which instance answers for one of several models, and what a container is told to hold."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Scope
from visionml.local.sagemaker.fleet import REQUESTS_PER_HOLDER, Variant
from visionml.local.sagemaker.http1 import Pool
from visionml.local.sagemaker.instance import Design, Instance
from visionml.local.sagemaker.multi_model import Artefacts, Held, Models, NotLoaded, name_of
from visionml.local.sagemaker.objects import Location

CLOUD = Cloud("https://127.0.0.1:1", None, Path("unused"))


def quiet(_name: str, _value: float) -> None:
    """Take a metric."""


def models(ml: Path, port: int = 1) -> Models:
    """Return a container's models; their artefacts lie below `ml` already."""
    artefacts = Artefacts(CLOUD, "role", Location("bucket", "models"), ml)
    for target in ("a", "b", "c"):
        artefacts.folder(target).mkdir(parents=True, exist_ok=True)
    return Models(artefacts, Pool(port))


def instance(design: Design, held: Models) -> Instance:
    made = Instance(design, CLOUD, ready=True)
    made.models = held
    return made


def test_an_instance_that_holds_the_model_answers_unless_it_is_busy(tmp_path: Path) -> None:
    scope = Scope("000000000000", "us-east-1")
    design = Design(scope, "endpoint", "A", {"Mode": "MultiModel"}, "role", False, 1.0)
    variant = Variant({}, design, CLOUD, 1.0, 3, {})
    with_a, with_two, empty = (instance(design, models(tmp_path)) for _ in range(3))
    for target, holder in (("a", with_a), ("b", with_two), ("c", with_two)):
        assert holder.models is not None
        holder.models._held[target] = Held(target)
    variant.instances += [with_a, with_two, empty]
    assert {variant.choose(model="a") for _ in range(50)} == {with_a}
    assert {variant.choose(model="new") for _ in range(50)} == {empty}
    with_a.busy = REQUESTS_PER_HOLDER
    assert {variant.choose(model="a") for _ in range(50)} == {empty}
    assert variant.choose([empty, with_two], "a") is with_a


class _Container(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    held: list[str]
    room: int
    go: Event

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.go.wait(30)
        if len(self.held) >= self.room:
            self._answer(507)
            return
        self.held.append(body["model_name"])
        self._answer(200)

    def do_DELETE(self) -> None:
        self.held.remove(self.path.rsplit("/", 1)[1])
        self._answer(200)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def container(room: int) -> Iterator[tuple[type[_Container], int]]:
    """Run a container with room for some models; it loads once it may go on."""
    kind: type[_Container] = type(
        "Running", (_Container,), {"held": [], "room": room, "go": Event()}
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kind, server.server_port
    finally:
        kind.go.set()
        server.shutdown()
        server.server_close()


def test_a_model_goes_on_loading_when_its_caller_has_stopped_waiting(tmp_path: Path) -> None:
    async def run() -> None:
        with container(room=1) as (running, port):
            held = models(tmp_path, port)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await held.lease("a", quiet)
            assert held.has("a")
            running.go.set()
            leased = await held.lease("a", quiet)
            assert running.held == [name_of("a")]
            held.release(leased, quiet)
            held.release(await held.lease("b", quiet), quiet)
            assert running.held == [name_of("b")]
            held.pool.close()

    asyncio.run(run())


def test_a_container_without_room_for_one_model_refuses_it(tmp_path: Path) -> None:
    async def run() -> int:
        with container(room=0) as (running, port):
            running.go.set()
            held = models(tmp_path, port)
            try:
                with pytest.raises(NotLoaded) as refused:
                    await held.lease("a", quiet)
            finally:
                held.pool.close()
            assert not held.has("a")
            return refused.value.answer.status

    assert asyncio.run(run()) == 507
