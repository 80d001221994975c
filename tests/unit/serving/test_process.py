"""The real ``serve`` command, as SageMaker starts it."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import urllib3
from PIL import Image
from urllib3.filepost import encode_multipart_formdata

from tests.fakes import models, pictures
from tests.fakes.pictures import encoded
from visionml.model import artefact
from visionml.serving.process import cores_of

SERVE = Path(__file__).parents[3] / "infra" / "images" / "vision" / "bin" / "serve"
LIGHT = encoded(Image.new("RGB", (48, 48), (240, 240, 240)), "JPEG")
JPEG = {"Content-Type": "image/jpeg"}
MEBIBYTE = 1024 * 1024


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Box:
    """A running container process and a client of it."""

    def __init__(self, base: Path, **variables: str) -> None:
        self.port = free_port()
        self.log = base / "log"
        environment = {
            **os.environ,
            "SAGEMAKER_BASE_DIR": str(base),
            "SAGEMAKER_BIND_TO_PORT": str(self.port),
            "SERVE_HOST": "127.0.0.1",
            "SERVE_WORKERS": "2",
            **variables,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(SERVE)], env=environment, stdout=log, stderr=log
            )
        self.http = urllib3.PoolManager(retries=False, timeout=20, maxsize=16)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def healthy(self) -> bool:
        try:
            return self.http.request("GET", self.url("/ping")).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def wait(self, *, seconds: float = 30) -> None:
        give_up = time.monotonic() + seconds
        while not self.healthy():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < give_up, self.log.read_text()
            time.sleep(0.02)

    def invoke(self, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        response = self.http.request(
            "POST", self.url("/invocations"), body=body, headers=headers or JPEG
        )
        return response.status, response.data

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def memory(self) -> int:
        """Return the bytes that its processes hold, shared ones counted once."""
        everyone = [psutil.Process(self.process.pid), *self.workers()]
        return sum(process.memory_full_info().pss for process in everyone)

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextmanager
def running(base: Path, **variables: str) -> Iterator[Box]:
    box = Box(base, **variables)
    try:
        box.wait()
        yield box
    finally:
        box.http.clear()
        if box.process.poll() is None:
            box.process.terminate()
            try:
                box.process.wait(20)
            except subprocess.TimeoutExpired:
                box.process.kill()
                box.process.wait()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ml")
    models.write_brightness_model(folder / "model")
    return folder


@pytest.fixture(scope="module")
def box(base: Path) -> Iterator[Box]:
    with running(base) as started:
        yield started


def test_it_answers_from_a_worker_per_core_and_logs_json(box: Box) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(box.invoke, [LIGHT] * 40))
    assert {status for status, _ in answers} == {200}
    assert {json.loads(body)["label"] for _, body in answers} == {"light"}
    assert len(box.workers()) == 2
    give_up = time.monotonic() + 30
    while [line["status"] for line in box.lines()].count(200) < 40:
        assert time.monotonic() < give_up, box.lines()
        time.sleep(0.02)  # lines are written some at a time


def test_connections_are_shared_out_evenly(box: Box) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(box.invoke, [LIGHT] * 64))
    busy = [worker.cpu_times().user for worker in box.workers()]
    assert min(busy) > 0
    held = [len(worker.net_connections("tcp")) for worker in box.workers()]
    assert abs(held[0] - held[1]) <= 1


def test_hostile_input_leaves_it_healthy_and_its_memory_bounded(box: Box) -> None:
    bodies = [pictures.png_bomb(), pictures.jpeg_bomb(), pictures.webp_bomb(), b"", b"<html>"]
    bodies += [LIGHT[:100], bytes(11 * MEBIBYTE), b"\xff\xd8\xff" + os.urandom(100_000)]
    before = box.memory()
    found = {box.invoke(body, {"Content-Type": "application/x-image"})[0] for body in bodies * 5}
    assert found == {400, 413, 422}
    deep = box.invoke(b"[" * 5 * MEBIBYTE, {"Content-Type": "application/json"})
    assert deep[0] == 400
    several = json.dumps([{"image": base64.b64encode(body).decode()} for body in bodies[:6]])
    for _ in range(5):
        status, answer = box.invoke(several.encode(), {"Content-Type": "application/json"})
        entries = json.loads(answer)["predictions"]
        assert (status, len(entries), "label" in answer.decode()) == (200, 6, False)
    form, header = encode_multipart_formdata([(str(n), ("x", bytes(MEBIBYTE))) for n in range(20)])
    for _ in range(5):
        assert box.invoke(form, {"Content-Type": header})[0] == 200
    assert box.healthy()
    assert box.invoke(LIGHT)[0] == 200
    assert box.memory() - before < 60 * MEBIBYTE
    assert box.memory() < 220 * MEBIBYTE


def test_a_large_picture_does_not_keep_ping_waiting(box: Box) -> None:
    noise = Image.effect_noise((3000, 3000), 80).convert("RGB")
    large = encoded(noise, "PNG", compress_level=1)
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(box.invoke, large, {"Content-Type": "image/png"}) for _ in range(4)]
        slowest = 0.0
        while not all(future.done() for future in slow):
            started = time.perf_counter()
            assert box.healthy()
            slowest = max(slowest, time.perf_counter() - started)
    assert {future.result()[0] for future in slow} <= {200, 413}
    assert slowest < 2  # SageMaker's limit for a health check


def test_a_worker_that_dies_is_replaced(box: Box) -> None:
    victim = box.workers()[0]
    victim.kill()
    give_up = time.monotonic() + 20
    while victim.pid in [worker.pid for worker in box.workers()] or len(box.workers()) < 2:
        assert time.monotonic() < give_up
        time.sleep(0.02)
    box.wait()
    assert box.invoke(LIGHT)[0] == 200
    assert {"event": "worker_died", "exit_code": -9} in box.lines()


@pytest.mark.parametrize(
    ("workers", "cores", "own"),
    [(2, {3, 1}, (1, 3)), (1, {0}, ()), (1, {0, 1}, ()), (4, {0, 1}, ())],
)
def test_workers_keep_to_cores_where_each_has_its_own(
    workers: int, cores: set[int], own: tuple[int, ...]
) -> None:
    assert cores_of(workers, cores) == own


def test_a_worker_takes_the_core_of_the_one_that_it_replaces(base: Path) -> None:
    cores = psutil.Process().cpu_affinity() or []
    wanted = sorted([each] for each in cores) if len(cores) > 1 else [cores]

    def kept(started: Box) -> list[list[int]]:
        try:
            return sorted(worker.cpu_affinity() or [] for worker in started.workers())
        except psutil.Error:  # one has just ended
            return []

    with running(base, SERVE_WORKERS=str(len(cores))) as started:
        assert kept(started) == wanted
        victim = started.workers()[-1]
        victim.kill()
        give_up = time.monotonic() + 20
        while victim in started.workers() or kept(started) != wanted:
            assert time.monotonic() < give_up
            time.sleep(0.02)


def test_sigterm_finishes_what_was_begun_and_leaves_nothing(base: Path) -> None:
    with running(base) as box:
        workers = box.workers()
        with socket.create_connection(("127.0.0.1", box.port), timeout=10) as slow:
            head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
            slow.sendall(f"{head}Content-Length: {len(LIGHT)}\r\n\r\n".encode() + LIGHT[:100])
            time.sleep(0.2)
            box.process.send_signal(signal.SIGTERM)
            give_up = time.monotonic() + 5
            while box.healthy():  # it no longer accepts
                assert time.monotonic() < give_up
            slow.sendall(LIGHT[100:])
            assert slow.recv(65536).startswith(b"HTTP/1.1 200")
        assert box.process.wait(10) == 0
    assert not any(worker.is_running() for worker in workers)


def test_workers_end_with_the_process_that_listens(base: Path) -> None:
    with running(base) as box:
        workers = box.workers()
        box.process.kill()
        box.process.wait()
        _, alive = psutil.wait_procs(workers, timeout=10)
        assert not alive


def test_without_a_model_it_is_healthy_and_says_so(tmp_path: Path) -> None:
    with running(tmp_path, SERVE_WORKERS="1") as box:
        status, body = box.invoke(LIGHT)
        assert (status, json.loads(body)["error"]["code"]) == (503, "no_model")
        assert box.stop() == 0


def test_several_models_share_one_container(tmp_path: Path) -> None:
    for name in "abcd":
        models.write_brightness_model(tmp_path / "models" / name, version=f"run-{name}")
    with running(tmp_path, SAGEMAKER_MULTI_MODEL="true", SERVE_MODELS="2") as box:
        for name in "abcd":
            body = json.dumps({"model_name": name, "url": str(tmp_path / "models" / name)})
            load = box.http.request("POST", box.url("/models"), body=body)
            assert load.status == 200, load.data

        def version(name: str) -> str:
            # on a connection of its own, so that both workers are asked
            with urllib3.PoolManager(retries=False, timeout=20) as caller:
                found = caller.request(
                    "POST", box.url(f"/models/{name}/invoke"), body=LIGHT, headers=JPEG
                )
            return str(json.loads(found.data)["model_version"])

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(version, "abcd" * 5)) == [f"run-{name}" for name in "abcd"] * 5
        assert box.http.request("DELETE", box.url("/models/a")).status == 200
        gone = box.http.request("POST", box.url("/models/a/invoke"), body=LIGHT, headers=JPEG)
        assert gone.status == 404
        assert version("b") == "run-b"
        assert box.stop() == 0


def refused_start(base: Path, **variables: str) -> str:
    environment = {
        **os.environ,
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(free_port()),
        "SERVE_HOST": "127.0.0.1",
        **variables,
    }
    ran = subprocess.run(
        [sys.executable, str(SERVE)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    return ran.stderr


def test_a_broken_model_ends_it_with_a_sentence(tmp_path: Path) -> None:
    models.write_brightness_model(tmp_path / "model")
    graph = tmp_path / "model" / "model.onnx"
    content = graph.read_bytes()
    graph.write_bytes(content[:-1])
    assert "SHA-256 differ" in refused_start(tmp_path)
    graph.write_bytes(content)
    (tmp_path / "model" / "model.json").unlink()
    assert "no model.json" in refused_start(tmp_path)


def test_a_graph_that_onnx_runtime_cannot_load_ends_it_with_a_sentence(tmp_path: Path) -> None:
    graph = b"no graph at all"
    artefact.write(tmp_path / "model", graph, models.brightness_record(graph, 32))
    assert "ONNX" in refused_start(tmp_path)


def test_a_port_in_use_ends_it_with_a_sentence(base: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = refused_start(base, SAGEMAKER_BIND_TO_PORT=port)
    assert f"Port {port}" in said
    assert "in use" in said


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="Linux alone lists threads there")
def test_what_workers_share_starts_no_thread_that_a_fork_would_lose() -> None:
    program = (
        "import os; from visionml.serving import process; process._import_for_workers();"
        "print(len(os.listdir('/proc/self/task')), 'onnxruntime' in __import__('sys').modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stdout.split() == [b"1", b"False"]
