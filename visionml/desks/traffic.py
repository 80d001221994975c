"""Traffic for drills and demonstrations: real images at a steady rate, every answer kept."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle
from types import TracebackType
from typing import Any, NamedTuple, Self

import pandas as pd

from visionml.aws.invocation import invoke
from visionml.contracts.inference import ContainerPrediction
from visionml.desks.datasets import Sample
from visionml.desks.platform import Platform
from visionml.errors import InvalidInput, Unavailable, VisionmlError
from visionml.imaging.header import read_header
from visionml.serving.statuses import error_of

MOST_SECONDS = 900
_MOST_WAITING = 64
_ANSWER_SECONDS = 30.0


class Request(NamedTuple):
    """One request and its answer."""

    sent: datetime
    """When it was due; the latency counts from here, so that a jam shows."""
    version: str
    """The model version that answered; empty when none did."""
    variant: str
    right: bool
    """Whether the label is the image's own."""
    latency_ms: float
    error: str
    """Why there is no answer; empty when there is one."""


Ask = Callable[[Sample], tuple[str, str, str]]
"""Sends an image; returns version, variant and label, or raises a ``VisionmlError``."""


class Flow:
    """Requests at a steady rate, from entering the context until leaving it or its end.

    Requests are sent when they are due, also while earlier ones wait for their answers. Nothing
    is sent twice: what fails is counted as failed.
    """

    def __init__(
        self, ask: Ask, samples: Sequence[Sample], *, rate: float, at_most_seconds: float
    ) -> None:
        if not samples or not rate > 0:
            raise InvalidInput("Traffic needs images and a rate above 0.")
        if not 0 < at_most_seconds <= MOST_SECONDS:
            raise InvalidInput(
                f"Traffic flows for at most {MOST_SECONDS} seconds, not {at_most_seconds:g}.",
                hint="Start another flow after this one.",
            )
        self._ask, self._samples = ask, cycle(samples)
        self._every, self._at_most = 1 / rate, at_most_seconds
        self._answered = threading.Condition()
        self._requests: list[Request] = []
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(_MOST_WAITING, thread_name_prefix="traffic")
        self._pace = threading.Thread(target=self._send, name="traffic", daemon=True)

    def __enter__(self) -> Self:
        self._pace.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._pace.join()
        self._pool.shutdown(cancel_futures=kind is not None)

    def run(self) -> Self:
        """Send for the whole time allowed, and wait for the last answer."""
        with self:
            self._pace.join()
        return self

    def wait(self, until: Callable[[Sequence[Request]], bool], *, seconds: float) -> None:
        """Wait until something is true of the requests answered so far, in order of answers.

        Raises
        ------
        Unavailable
            It was not, within `seconds`.
        """
        with self._answered:
            if not self._answered.wait_for(lambda: until(self._requests), seconds):
                raise Unavailable(
                    f"What was waited for did not show in {len(self._requests)} answers "
                    f"within {seconds:g} seconds.",
                    hint="Look at `table()` of the flow.",
                )

    def answers_of(
        self, version: str, *, count: int = 5, since: datetime | None = None, seconds: float = 60
    ) -> None:
        """Wait until a version has given the last `count` answers; raises as `wait` does.

        Only requests that were sent after `since` count.
        """

        def settled(all_: Sequence[Request]) -> bool:
            last = [each for each in all_ if since is None or each.sent >= since][-count:]
            return len(last) == count and all(each.version == version for each in last)

        self.wait(settled, seconds=seconds)

    def table(self) -> pd.DataFrame:
        """Return one row per answered request, in the order of sending."""
        with self._answered:
            rows = sorted(self._requests)
        return pd.DataFrame(rows, columns=pd.Index(Request._fields))

    def _send(self) -> None:
        began, first, sent = time.monotonic(), datetime.now(UTC), 0
        while (due := sent * self._every) < self._at_most:
            if self._stop.wait(max(0.0, began + due - time.monotonic())):
                return
            moment = first + timedelta(seconds=due)
            self._pool.submit(self._one, next(self._samples), moment, began + due)
            sent += 1

    def _one(self, sample: Sample, moment: datetime, due: float) -> None:
        version = variant = label = error = ""
        try:
            version, variant, label = self._ask(sample)
        except VisionmlError as failure:
            error = failure.message or type(failure).__name__
        took = (time.monotonic() - due) * 1000
        right = label == sample.entry.label
        with self._answered:
            self._requests.append(Request(moment, version, variant, right, took, error))
            self._answered.notify_all()


class Traffic:
    """Sends images to the production endpoint of an environment and keeps the answers."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def flow(
        self, samples: Sequence[Sample], *, rate: float = 10, at_most_seconds: float = 300
    ) -> Flow:
        """Return traffic of `rate` requests a second, to be started by ``with``.

        The images are sent straight to the endpoint, over and over: past the API's cache and past
        the function in front of it, which would try failed requests again.

        Raises
        ------
        InvalidInput
            There are no images, or the numbers make no sense.
        """
        runtime = self._platform.aws.client(
            "sagemaker-runtime",
            retries={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=_MOST_WAITING,
            read_timeout=_ANSWER_SECONDS,
        )
        ask = partial(_ask, runtime, self._platform.names.endpoint)
        return Flow(ask, samples, rate=rate, at_most_seconds=at_most_seconds)

    def steps(
        self, samples: Sequence[Sample], *, rates: Sequence[float], seconds: float = 5
    ) -> pd.DataFrame:
        """Let traffic flow at one rate after another; return a row per request, with its `rate`.

        Raises
        ------
        InvalidInput
            As `flow` does.
        """
        tables = []
        for rate in rates:
            flow = self.flow(samples, rate=rate, at_most_seconds=seconds)
            tables.append(flow.run().table().assign(rate=float(rate)))
        if not tables:
            raise InvalidInput("A load test needs at least one rate.")
        return pd.concat(tables, ignore_index=True)


def _ask(runtime: Any, endpoint: str, sample: Sample) -> tuple[str, str, str]:
    kind = f"image/{read_header(sample.content).format}"
    found = invoke(runtime, endpoint, sample.content, content_type=kind)
    if found.status != 200:
        raise error_of(found.status, found.body)
    answer = ContainerPrediction.model_validate_json(found.body)
    return answer.model_version, found.variant, answer.label
