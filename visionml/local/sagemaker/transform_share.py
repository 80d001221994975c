"""One instance's share of a transform job: its objects go through its container and come back."""

import gzip
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Document
from visionml.local.sagemaker.instance import Instance
from visionml.local.sagemaker.jobs import Job, JobFailed
from visionml.local.sagemaker.objects import Item, Objects
from visionml.local.sagemaker.transform_client import Client, Unanswered, stamp
from visionml.local.sagemaker.transform_records import (
    MEGABYTE,
    BadRecord,
    MiniBatch,
    Processing,
    assembled,
    mini_batches,
    records_of,
)

STRATEGIES = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}
DEFAULT_MEGABYTES = 6
_LAST_BREATH_SECONDS = 1.0


@dataclass(frozen=True)
class Plan:
    """How objects become requests: the job's word, else the container's, else AWS's default."""

    processing: Processing
    split: bool
    assemble: bool
    gzipped: bool
    concurrency: int
    megabytes: int
    strategy: str

    @classmethod
    def of(cls, request: Document, container: Document) -> "Plan":
        """Read a request and what the container has said at ``/execution-parameters``."""
        given = request["TransformInput"]
        strategy = STRATEGIES.get(request.get("BatchStrategy", ""))
        megabytes = request.get("MaxPayloadInMB", container.get("MaxPayloadInMB"))
        return cls(
            Processing.of(request),
            given.get("SplitType", "None") == "Line",
            request["TransformOutput"].get("AssembleWith", "None") == "Line",
            given.get("CompressionType", "None") == "Gzip",
            int(
                request.get("MaxConcurrentTransforms")
                or container.get("MaxConcurrentTransforms")
                or 1
            ),
            DEFAULT_MEGABYTES if megabytes is None else int(megabytes),
            strategy or str(container.get("BatchStrategy") or "MULTI_RECORD"),
        )

    def requests(self, content: bytes) -> list[MiniBatch]:
        """Return the requests for an object's content.

        Raises
        ------
        BadRecord
            It cannot be read, or a record is larger than a request may be.
        """
        if self.gzipped:
            try:
                content = gzip.decompress(content)
            except (OSError, EOFError, zlib.error):
                raise BadRecord("ClientError: The object is not compressed with Gzip") from None
        batches = mini_batches(
            records_of(content, lines=self.split),
            self.processing,
            several=self.strategy == "MULTI_RECORD",
            limit_bytes=self.megabytes * MEGABYTE,
        )
        return list(batches)

    def kept(self, batch: MiniBatch, answer: bytes) -> list[bytes]:
        """Return what is kept of the answer to a request."""
        if not self.processing.active:
            return [answer]
        return self.processing.answered(batch.records, answer, lines=self.split)


@dataclass(eq=False)
class _Output:
    """What has come of one object so far."""

    item: Item
    number: int
    answers: list[list[bytes]]
    left: int
    failed: bool = False


@dataclass(eq=False)
class Share:
    """Runs requests of a share, `Plan.concurrency` at a time; `run` it once."""

    job: Job
    instance: Instance
    client: Client
    plan: Plan
    objects: Objects
    folder: Path
    say: Callable[[str], None]
    """Writes a line to the data log."""
    done: list[tuple[Item, Path]] = field(default_factory=list)
    """The objects that were transformed, and where their outputs lie."""
    blamed: set[str] = field(default_factory=set)
    """``ClientError`` or ``AlgorithmError``, where objects have failed."""
    _error: Exception | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _feed: Iterator[tuple[_Output, int, MiniBatch]] = field(default_factory=lambda: iter(()))

    def run(self, cloud: Cloud, items: Sequence[Item]) -> None:
        """Transform objects; one that fails leaves the others alone.

        Raises
        ------
        JobFailed
            The container has ended.
        DataRefused
            An object cannot be read.
        """
        self.folder.mkdir(parents=True)
        plan = self.plan
        self.say(
            f"{stamp()}:[sagemaker logs]: MaxConcurrentTransforms={plan.concurrency}, "
            f"MaxPayloadInMB={plan.megabytes}, BatchStrategy={plan.strategy}"
        )
        self._feed = self._requests(items)
        name = f"transform-{self.job.name}"
        threads = [
            cloud.run(self.job.scope, self._work, name=name) for _ in range(plan.concurrency)
        ]
        for thread in threads:
            thread.join()
        if self._error is not None:
            raise self._error

    def _requests(self, items: Sequence[Item]) -> Iterator[tuple[_Output, int, MiniBatch]]:
        for position, item in enumerate(items):
            try:
                batches = self.plan.requests(self.objects.read(item.source))
            except BadRecord as bad:
                self._blame(_Output(item, position, [], 0), "ClientError", str(bad))
                continue
            output = _Output(item, position, [[] for _ in batches], len(batches))
            if not batches:
                self._finish(output)
            for number, batch in enumerate(batches):
                if output.failed:
                    break
                yield output, number, batch

    def _work(self) -> None:
        try:
            while self._error is None and not self.job.stopping.is_set():
                with self._lock:
                    request = next(self._feed, None)
                if request is None:
                    return
                self._ask(*request)
        except Exception as error:  # noqa: BLE001  (raised by run)
            self._error = error

    def _ask(self, output: _Output, number: int, batch: MiniBatch) -> None:
        try:
            answers = self.plan.kept(batch, self.client.invoke(batch.payload))
        except Unanswered as failed:
            if not failed.client and self._has_ended():
                raise JobFailed(
                    "AlgorithmError: The model container ended before it had answered. See job "
                    "logs for more information"
                ) from failed
            word = "ClientError" if failed.client else "AlgorithmError"
            self._blame(output, word, str(failed), failed.detail)
        except BadRecord as bad:
            self._blame(output, "AlgorithmError", str(bad))
        else:
            with self._lock:
                output.answers[number] = answers
                output.left -= 1
                complete = not output.left and not output.failed
            if complete:
                self._finish(output)

    def _has_ended(self) -> bool:
        """Tell whether the container is gone, which is seen a little after its connections are."""
        return self.instance.ends(_LAST_BREATH_SECONDS) and not self.job.stopping.is_set()

    def _finish(self, output: _Output) -> None:
        answers = [answer for each in output.answers for answer in each]
        path = self.folder / str(output.number)
        path.write_bytes(assembled(answers, lines=self.plan.assemble))
        output.answers = []
        self.done.append((output.item, path))

    def _blame(self, output: _Output, word: str, message: str, detail: str = "") -> None:
        output.failed = True
        self.blamed.add(word)
        source = output.item.source
        start = f"{stamp()}:[sagemaker logs]: {source.bucket}/{source.key}:"
        self.say(f"{start} {message}")
        if detail:
            self.say(f"{start} Message: {detail}")
