"""The processes that train one model together: which one leads, and what each of them takes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from visionml.contracts.container import Peers
from visionml.errors import InvalidInput

_T = TypeVar("_T")


@dataclass(frozen=True)
class Share:
    """One process's part of a batch: positions in the epoch's order."""

    positions: NDArray[np.int64]
    whole: int
    """Images in the batch, over all processes."""


@dataclass(frozen=True)
class Cluster:
    """All processes, as one of them sees them: `per_host` on each host, numbered from 0.

    The leader is the first process of the first host; it alone writes checkpoints and the model.
    Between `visionml.training.meeting.joined` and its end the processes can talk to each other.
    """

    hosts: tuple[str, ...] = ("algo-1",)
    host: int = 0
    per_host: int = 1
    local: int = 0
    job: str = ""
    interface: str | None = None

    @classmethod
    def of(cls, peers: Peers, *, per_host: int = 1, local: int = 0) -> "Cluster":
        """Return the cluster of a SageMaker job's hosts."""
        host = peers.hosts.index(peers.current)
        return cls(peers.hosts, host, per_host, local, peers.job, peers.interface)

    @property
    def rank(self) -> int:
        """The number of this process."""
        return self.host * self.per_host + self.local

    @property
    def size(self) -> int:
        """The number of processes."""
        return len(self.hosts) * self.per_host

    @property
    def leads(self) -> bool:
        """Whether this process is the leader."""
        return self.rank == 0

    def shares(self, count: int, batch_size: int) -> list[Share]:
        """Return this process's part of each batch of `count` positions.

        The sizes of batches, and of parts of a batch, differ by one at most: none is much
        smaller than the others, so that batch normalisation always has enough.

        Raises
        ------
        InvalidInput
            A batch has too few images for all processes.
        """
        batches = np.array_split(np.arange(count), -(-count // batch_size))
        smallest = min(len(batch) for batch in batches)
        if smallest < self.size:
            raise InvalidInput(
                f"A batch of {smallest} images cannot be shared among {self.size} processes.",
                hint="Raise batch_size, or train on fewer instances.",
            )
        return [Share(self.part(batch), len(batch)) for batch in batches]

    def part(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return this process's part of some items; together the parts are all of them."""
        return np.array_split(items, self.size)[self.rank]

    def total(self, *values: float) -> list[float]:
        """Return the sum of each value over all processes."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(sums)
        return [float(value) for value in sums]

    def from_leader(self, make: Callable[[], _T]) -> _T:
        """Let the leader alone make something, and return it in every process."""
        if self.size == 1:
            return make()
        box = [make() if self.leads else None]
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        made: _T = box[0]  # type: ignore[assignment]
        return made


ALONE = Cluster()
