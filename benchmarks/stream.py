"""The stream of requests on the embedded AWS: how fast it is, and what a burst does to it.

Everything shares this machine's processors: the endpoint, the function, and the one process that
is S3, Kinesis, DynamoDB and the endpoint's gateway. An answer from the stream costs an object
read more than one from the endpoint alone, so that with a small model of small pictures the stream
is far from the endpoint's limit, and comes nearer the more the endpoint has to do.
"""

import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import accumulate
from pathlib import Path

from benchmarks.photos import photo
from benchmarks.platform import platform
from benchmarks.record import Row, row
from visionml.aws.s3 import Objects
from visionml.contracts.inference import InferenceEvent, InferenceRequest
from visionml.economics.stream import burst
from visionml.errors import Unavailable
from visionml.serving.uploads import Uploaded
from visionml.workbench import Session

ROUNDS = 5
RECORDS = 300
WARM_UP = 100
BURST_SECONDS = 8.0
MEAN_SHARE = 0.15
"""Of what the stream gets done, that arrives before and after a burst of ten times as much."""
PATIENCE_SECONDS = 300.0
_TICK_SECONDS = 0.25


def stream_throughput() -> Row:
    """Measure requests a second for small pictures, from the first one's arrival to the last event.

    The limit asks the endpoint alone, one picture with an invocation, by as many callers at once
    as the consumer has.
    """
    return _rows()[0]


def stream_throughput_photographs() -> Row:
    """Measure the same for photographs of 2 megapixels."""
    return _rows()[1]


def stream_burst_drain_seconds() -> Row:
    """Measure how long a burst of ten times the mean rate is worked off after its end.

    What is predicted is so by `visionml.economics.stream.burst` from the throughput that was
    measured just before.
    """
    return _rows()[2]


@cache
def _rows() -> tuple[Row, Row, Row]:
    with platform() as session:
        dataset = session.datasets.import_source(
            session.datasets.write_digits(Path("digits")), name="digits"
        )
        run = session.runs.start(dataset.name, dataset.version)
        run.watch()
        session.models.promote(run.run_id)
        digits = [each.content for each in dataset.samples(10, split="holdout")]
        return (
            _throughput("stream_throughput", Pictures.kept(session, digits), RECORDS),
            _throughput(
                "stream_throughput_photographs",
                Pictures.kept(session, [photo("2mp")]),
                RECORDS // 3,
            ),
            _drain(Pictures.kept(session, digits)),
        )


@dataclass(frozen=True)
class Pictures:
    """What is asked about, and where it lies in S3."""

    session: Session
    contents: Sequence[bytes]
    addresses: Sequence[str]

    @classmethod
    def kept(cls, session: Session, contents: Sequence[bytes]) -> "Pictures":
        """Put images where uploads lie."""
        bucket = session.names.bucket("raw", session.aws.account)
        uploaded = Uploaded(Objects(session.aws.s3), bucket)
        addresses = [uploaded.keep(each, "application/x-image") for each in contents]
        return cls(session, contents, addresses)

    def requests(self, count: int) -> list[InferenceRequest]:
        """Return requests for predictions that are pending from now on."""
        now = datetime.now(UTC)
        made = [
            InferenceRequest(
                prediction_id=uuid.uuid4().hex,
                s3=self.addresses[number % len(self.addresses)],
                time=now,
            )
            for number in range(count)
        ]
        with ThreadPoolExecutor(4) as pool:
            names = [each.prediction_id for each in made]
            list(pool.map(self.session.streams.predictions.accept, names))
        return made


def _throughput(name: str, pictures: Pictures, records: int) -> Row:
    _streamed(pictures, WARM_UP)
    _asked(pictures, WARM_UP)
    rates: dict[str, list[float]] = {"ours": [], "limit": []}
    for _ in range(ROUNDS):
        rates["limit"].append(_asked(pictures, records))
        rates["ours"].append(_streamed(pictures, records))
    return row(name, "records/s", rates, higher_is_better=True)


def _asked(pictures: Pictures, count: int) -> float:
    """Return how many images a second the endpoint answers."""
    session = pictures.session
    stream = session.settings.stream
    callers = stream.concurrency * stream.minimum_shards
    runtime = session.aws.client("sagemaker-runtime", max_pool_connections=callers)

    def ask(number: int) -> None:
        runtime.invoke_endpoint(
            EndpointName=session.names.endpoint,
            Body=pictures.contents[number % len(pictures.contents)],
            ContentType="application/x-image",
            CustomAttributes="monitoring=true",
        )["Body"].read()

    with ThreadPoolExecutor(callers) as pool:
        began = time.perf_counter()
        list(pool.map(ask, range(count)))
        return count / (time.perf_counter() - began)


def _streamed(pictures: Pictures, count: int) -> float:
    """Return how many requests a second the stream answers."""
    sent = _put_over_time(pictures, [(0.0, count)])
    arrived, told = _arrivals(pictures.session, sent, count, look_seconds=count / 200)
    return count / (max(told) - min(arrived)).total_seconds()


def _drain(pictures: Pictures) -> Row:
    rate = _streamed(pictures, 2 * RECORDS)
    mean, peak = MEAN_SHARE * rate, 10 * MEAN_SHARE * rate
    predicted = burst(rate, mean=mean, peak=peak, seconds=BURST_SECONDS)
    after = 2 * predicted.drain_seconds + 5
    rates = [(3.0, mean), (BURST_SECONDS, peak), (after, mean)]
    sent = _put_over_time(pictures, list(_ticks(rates)))
    count = sum(number for _, number in _ticks(rates))
    arrived, told = _arrivals(pictures.session, sent, count, look_seconds=5.0)
    end = datetime.fromtimestamp(sent.timestamp() + 3.0 + BURST_SECONDS, UTC)
    drained = _drained(arrived, told, end, waiting=max(1, round(mean)))
    return row("stream_burst_drain_seconds", "s", {"ours": [drained]}).model_copy(
        update={"predicted": round(predicted.drain_seconds, 4)}
    )


def _drained(
    arrived: Sequence[datetime], told: Sequence[datetime], end: datetime, *, waiting: int
) -> float:
    """Return the seconds from `end` until no more than `waiting` requests wait."""
    changes = sorted([(each, 1) for each in arrived] + [(each, -1) for each in told])
    counts = accumulate(change for _, change in changes)
    moments = (
        moment for (moment, _), count in zip(changes, counts, strict=True) if count <= waiting
    )
    found = next(each for each in moments if each >= end)
    return (found - end).total_seconds()


def _ticks(rates: Sequence[tuple[float, float]]) -> Iterator[tuple[float, int]]:
    """Yield when how many requests are sent, for phases of seconds and records a second."""
    at, owed = 0.0, 0.0
    for seconds, rate in rates:
        for _ in range(round(seconds / _TICK_SECONDS)):
            owed += rate * _TICK_SECONDS
            yield at, int(owed)
            owed -= int(owed)
            at += _TICK_SECONDS


def _put_over_time(pictures: Pictures, ticks: Sequence[tuple[float, int]]) -> datetime:
    """Send requests after so many seconds, and return when that began."""
    requests = pictures.requests(sum(count for _, count in ticks))
    began, sent = time.monotonic(), datetime.now(UTC)
    for at, count in ticks:
        time.sleep(max(0.0, began + at - time.monotonic()))
        now, requests = requests[:count], requests[count:]
        contents = [(each.model_dump_json().encode(), each.prediction_id) for each in now]
        if contents:
            pictures.session.streams.put(contents)
    return sent


def _arrivals(
    session: Session, sent: datetime, count: int, *, look_seconds: float
) -> tuple[list[datetime], list[datetime]]:
    """Return when requests and their events arrived, once there are as many of both.

    Raises
    ------
    Unavailable
        Not all of them were answered.
    """
    give_up, told = time.monotonic() + PATIENCE_SECONDS, dict[str, datetime]()
    while time.monotonic() < give_up:
        time.sleep(look_seconds)  # looking costs the machine what is measured
        for each in session.streams.read(sent, kind="events"):
            event = InferenceEvent.model_validate_json(each.data)
            told.setdefault(event.prediction_id, each.arrived)
        if len(told) >= count:
            return [each.arrived for each in session.streams.read(sent)], list(told.values())
    raise Unavailable(f"{len(told)} of {count} requests were answered.")
