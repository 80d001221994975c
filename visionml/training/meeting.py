"""How the processes of a training job meet, and how one that ends early tells the others why.

They meet at a key-value store that the leader opens on its own address. The port follows from
the job's name, so that every process knows it and jobs that share an address do not collide.
"""

import contextlib
import gc
import re
import socket
import time
import traceback
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

from visionml.contracts.container import failure_reason, use_interface
from visionml.errors import JobFailed
from visionml.training.cluster import Cluster
from visionml.training.interruption import INTERRUPTED

MEETING_SECONDS = 600.0
"""Hosts of one job start minutes apart, when they download images and data."""
PATIENCE = timedelta(minutes=5)
"""How long a process may let the others wait, such as while it writes a checkpoint."""
FAREWELL_SECONDS = 3.0
"""How long a process that has lost another waits for the reason, or for its own SIGTERM."""

_FIRST_PORT, _PORTS, _TRIES = 20_000, 10_000, 8  # below the ports that systems give to clients
_LOOK_SECONDS = 0.1
_INTERRUPTED = "interrupted"
_LOST = re.compile(r"gloo|nccl|connection (closed|reset)|broken pipe", re.IGNORECASE)


@contextmanager
def joined(cluster: Cluster, device: torch.device) -> Iterator[None]:
    """Let the processes of a cluster talk to each other within the block.

    Raises
    ------
    JobFailed
        Another process was not reached, was lost, or ended early; the message has its reason.
    SystemExit
        Another process was interrupted, which is the end of this one as well.
    """
    if cluster.size == 1:
        yield
        return
    if cluster.interface:
        use_interface(cluster.interface)
    store = opened(cluster, ports(cluster.job)) if cluster.leads else _found(cluster)
    _wait_for_all(store, cluster)
    cuda = device.type == "cuda"
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if cuda else "gloo",
        store=PrefixStore("collectives", store),
        rank=cluster.rank,
        world_size=cluster.size,
        timeout=PATIENCE,
        device_id=device if cuda else None,
    )
    try:
        yield
        cluster.total(0.0)  # nobody leaves while another may still fail
    except (Exception, SystemExit) as error:
        if _LOST.search(str(error)) and isinstance(error, RuntimeError):
            raise _ending(_told(store), str(error)) from error
        _tell(store, _INTERRUPTED if isinstance(error, SystemExit) else failure_reason(error))
        traceback.clear_frames(error.__traceback__)  # they hold the connections open
        raise
    finally:
        dist.destroy_process_group()
        gc.collect()
        _leave(store, cluster)


def ports(job: str) -> list[int]:
    """Return where a job's processes may meet, the likeliest first."""
    first = zlib.crc32(job.encode())
    return [_FIRST_PORT + (first + number) % _PORTS for number in range(_TRIES)]


def opened(cluster: Cluster, candidates: Sequence[int]) -> TCPStore:
    """Open the store at the first free port, on the leader's own address alone.

    Raises
    ------
    JobFailed
        None is free, or the leader's name has no address.
    """
    host = cluster.hosts[0]
    for port in candidates:
        try:
            listening = socket.create_server((host, port))
        except socket.gaierror as error:
            raise JobFailed(f"The name of the host {host} cannot be resolved: {error}.") from error
        except OSError:  # somebody else's
            continue
        store = _store(host, port, cluster, listening.detach())
        store.set("job", cluster.job)
        return store
    raise JobFailed(
        f"No port for the job's processes to meet at is free on {host}.",
        hint=f"Tried: {', '.join(map(str, candidates))}.",
    )


def _found(cluster: Cluster) -> TCPStore:
    """Look for the leader's store until it is there."""
    deadline = time.monotonic() + MEETING_SECONDS
    while time.monotonic() < deadline:
        for port in ports(cluster.job):
            if store := dialled(port, cluster):
                return store
        time.sleep(_LOOK_SECONDS)
    raise JobFailed(
        f"The leading host {cluster.hosts[0]} was not reached within {MEETING_SECONDS:.0f} s.",
        hint="See its log; and let instances with the job's security group talk to each other.",
    )


def dialled(port: int, cluster: Cluster) -> TCPStore | None:
    """Return the leader's store if it is at this port; None if nobody or somebody else is."""
    host = cluster.hosts[0]
    try:
        socket.create_connection((host, port), timeout=2).close()
        store = _store(host, port, cluster, None)
        return store if store.get("job") == cluster.job.encode() else None
    except (OSError, RuntimeError):  # nobody there yet, or somebody else
        return None


def _store(host: str, port: int, cluster: Cluster, listening: int | None) -> TCPStore:
    return TCPStore(
        host,
        port,
        cluster.size,
        listening is not None,
        timedelta(seconds=2),
        wait_for_workers=False,
        master_listen_fd=listening,
    )


def _wait_for_all(store: TCPStore, cluster: Cluster) -> None:
    deadline = time.monotonic() + MEETING_SECONDS
    present = store.add("present", 1)
    while present < cluster.size:
        if time.monotonic() >= deadline:
            raise JobFailed(
                f"Only {present} of the job's {cluster.size} processes came to work together "
                f"within {MEETING_SECONDS:.0f} s.",
                hint="See the logs of the other hosts.",
            )
        time.sleep(_LOOK_SECONDS)
        present = store.add("present", 0)


def _tell(store: TCPStore, reason: str) -> None:
    """Leave the reason for the others, unless one is there already."""
    with contextlib.suppress(RuntimeError):
        store.compare_set("ended", "", reason)


def _told(store: TCPStore) -> str:
    """Return why another process has ended, empty when it could not say so."""
    deadline = time.monotonic() + FAREWELL_SECONDS
    asked = True
    while time.monotonic() < deadline:
        try:
            if asked and store.check(["ended"]):
                return str(store.get("ended").decode())
        except RuntimeError:  # the leader is gone; an interruption of this process may follow
            asked = False
        time.sleep(_LOOK_SECONDS)
    return ""


def _ending(told: str, error: str) -> JobFailed | SystemExit:
    if told == _INTERRUPTED:
        return SystemExit(INTERRUPTED)
    if told:
        return JobFailed(f"Another process of this job failed: {told}")
    what = re.sub(r"^\[[^]]*\] ", "", error).split(". ")[0]
    return JobFailed(
        f"Another process of this job was lost: {what}.",
        hint="See the end of the other hosts' logs: they may have run out of memory.",
    )


def _leave(store: TCPStore, cluster: Cluster) -> None:
    """Let the others learn what there is to learn before the leader's store goes."""
    deadline = time.monotonic() + FAREWELL_SECONDS
    with contextlib.suppress(RuntimeError):
        left = store.add("left", 1)
        while cluster.leads and left < cluster.size and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS / 10)
            left = store.add("left", 0)
