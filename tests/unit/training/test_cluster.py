"""Several hosts train one model: as one process would, and they end together."""

import importlib
import re
import signal
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
import torch

from tests.fakes.jobs import ROOT, make_peers, start
from tests.fakes.loops import run
from visionml.contracts.container import MlFolder, Peers
from visionml.errors import InvalidInput, JobFailed
from visionml.model import artefact
from visionml.training import job as training
from visionml.training import meeting
from visionml.training.cluster import ALONE, Cluster
from visionml.training.interruption import INTERRUPTED
from visionml.training.processes import side_by_side

Job = Callable[..., MlFolder]


def pair(job: Job, **changed: str) -> tuple[MlFolder, MlFolder]:
    """Return the folders of two hosts of one job."""
    hosts = job("one", **changed), job("two", **changed)
    make_peers(*hosts)
    return hosts


def test_two_hosts_train_the_model_that_one_trains(job: Job) -> None:
    settings = {"dropout": "0", "smallest_crop": "0.8", "batch_size": "32"}
    first, second = pair(job, **settings)
    alone = job("alone", **settings)
    ended = [host.finish() for host in (start(second.base), start(first.base))]
    assert [code for code, _ in ended] == [0, 0], ended
    expected, _ = run(alone)
    found = artefact.read(first.model)
    assert found.metrics == pytest.approx(expected, rel=1e-3)
    assert found.compute["processes"] == "2"
    assert "epoch=4" in ended[1][1]
    assert "epoch=" not in ended[0][1]
    assert (first.checkpoints / "last.pt").exists()
    assert not second.checkpoints.exists()
    assert not second.model.exists()


def test_an_interruption_of_one_host_is_one_of_all(job: Job) -> None:
    first, second = pair(job, epochs="2000")
    leader, follower = start(first.base), start(second.base)
    leader.until("epoch=2")
    follower.signal(signal.SIGTERM)
    ended = [leader.finish(), follower.finish()]
    assert [code for code, _ in ended] == [INTERRUPTED, INTERRUPTED], ended
    assert (first.checkpoints / "last.pt").exists()
    assert not first.failure.exists()
    assert not second.failure.exists()


def test_a_host_that_dies_ends_the_others(job: Job) -> None:
    first, second = pair(job, epochs="2000")
    leader, follower = start(first.base), start(second.base)
    leader.until("epoch=2")
    follower.signal(signal.SIGKILL)
    ended = [leader.finish(), follower.finish()]
    assert [code for code, _ in ended] == [1, -signal.SIGKILL], ended
    reason = first.failure.read_text()
    assert re.match("Another process of this job was lost: .*[Cc]onnection (closed|reset)", reason)
    assert "the other hosts' logs" in reason


def test_a_host_that_fails_tells_the_others_why(job: Job) -> None:
    first, second = pair(job)
    first.checkpoints.mkdir()
    (first.checkpoints / "last.tmp").symlink_to("/dev/full")
    ended = [host.finish() for host in (start(second.base), start(first.base))]
    assert [code for code, _ in ended] == [1, 1], ended
    reason = "The job's disk is full. Raise training.volume_gb in the environment's settings."
    assert first.failure.read_text() == reason
    assert second.failure.read_text() == f"Another process of this job failed: {reason}"
    assert list(first.checkpoints.iterdir()) == []


def test_each_place_of_a_batch_belongs_to_one_process() -> None:
    clusters = [Cluster(("a", "b"), host, 2, local) for host in (0, 1) for local in (0, 1)]
    shares = [cluster.shares(103, 25) for cluster in clusters]
    assert [cluster.rank for cluster in clusters] == [0, 1, 2, 3]
    assert [cluster.leads for cluster in clusters] == [True, False, False, False]
    batches = [
        np.concatenate([share.positions for share in parts]) for parts in zip(*shares, strict=True)
    ]
    assert np.array_equal(np.concatenate(batches), np.arange(103))
    assert [len(batch) for batch in batches] == [share.whole for share in shares[0]]
    assert {len(batch) for batch in batches} == {20, 21}


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(InvalidInput, match="A batch of 2 images cannot be shared among 3"):
        Cluster(("a", "b", "c")).shares(10, 2)


def test_one_process_alone_needs_nobody() -> None:
    assert ALONE.total(1, 2) == [1, 2]
    assert ALONE.from_leader(lambda: "made") == "made"
    with meeting.joined(ALONE, torch.device("cpu")):
        assert not torch.distributed.is_initialized()


def test_a_leader_that_does_not_come_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "MEETING_SECONDS", 0.3)
    cluster = Cluster.of(Peers(("127.0.0.1", "127.0.0.2"), "127.0.0.2", job="nobody"))
    with (
        pytest.raises(JobFailed, match=r"leading host 127\.0\.0\.1 was not reached"),
        meeting.joined(cluster, torch.device("cpu")),
    ):
        pass


def test_followers_that_do_not_come_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "MEETING_SECONDS", 0.3)
    cluster = Cluster.of(Peers(("127.0.0.1", "127.0.0.2"), "127.0.0.1", job="nobody"))
    with (
        pytest.raises(JobFailed, match="Only 1 of the job's 2 processes"),
        meeting.joined(cluster, torch.device("cpu")),
    ):
        pass


def test_jobs_that_share_an_address_meet_at_ports_of_their_own() -> None:
    ports = [meeting.ports(f"run-20261120-10{number:04d}-abcd-train")[0] for number in range(100)]
    assert len(set(ports)) > 95
    assert min(ports) >= 20_000
    assert max(ports) < 30_000


def test_a_port_of_somebody_else_is_passed_over() -> None:
    """Both jobs begin at the same port, as two with unlucky names would."""
    port = meeting.ports("mine")[0]
    other = meeting.opened(Cluster(("127.0.0.1", "127.0.0.2"), job="other"), [port])
    leader = Cluster(("127.0.0.1", "127.0.0.2"), job="mine")
    mine = meeting.opened(leader, meeting.ports("mine"))
    found = meeting.dialled(port, leader), meeting.dialled(port + 1, leader)
    assert found[0] is None
    assert found[1] is not None
    assert other.get("job") == b"other"
    assert mine.get("job") == found[1].get("job") == b"mine"


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What the processes run; they must find it under the same name."""
    monkeypatch.syspath_prepend(ROOT / "tests" / "fakes")
    return importlib.import_module("gpus")


def test_the_processes_of_one_host_end_together_with_the_reason(gpus: ModuleType) -> None:
    with pytest.raises(JobFailed, match=r"the second one fails\. Mend it\."):
        side_by_side(gpus.second_fails, [(0,), (1,)])


def test_a_process_that_dies_has_its_exit_code_named(gpus: ModuleType) -> None:
    with pytest.raises(JobFailed, match="ended with exit code -9"):
        side_by_side(gpus.second_dies, [(0,), (1,)])


def test_an_interruption_of_one_process_is_one_of_the_host(gpus: ModuleType) -> None:
    with pytest.raises(SystemExit) as caught:
        side_by_side(gpus.second_is_interrupted, [(0,), (1,)])
    assert caught.value.code == INTERRUPTED


def test_a_host_runs_a_process_for_each_gpu(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[MlFolder, Cluster]] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(training, "side_by_side", lambda _, arguments: started.extend(arguments))
    first, second = pair(job)
    training.run_on_host(first)
    training.run_on_host(second)
    assert [(ml, cluster.rank, cluster.local) for ml, cluster in started] == [
        (first, 0, 0),
        (first, 1, 1),
        (second, 2, 0),
        (second, 3, 1),
    ]
    assert {cluster.size for _, cluster in started} == {4}
