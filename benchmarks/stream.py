"""What requests go through Kinesis and Lambda at, beside what the endpoint takes."""

import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.platform import platform
from benchmarks.record import Row, row
from visionml.aws.s3 import Objects
from visionml.contracts.inference import InferenceRequest
from visionml.desks.datasets import Sample
from visionml.errors import Unavailable
from visionml.serving.uploads import Uploaded
from visionml.workbench import Session

ROUNDS = 5
RECORDS = 300
WARM_UP = 40
PATIENCE_SECONDS = 300.0


def stream_throughput(rounds: int = ROUNDS, records: int = RECORDS) -> Row:
    """Measure requests a second, from the first one's arrival to the last one's event.

    The limit asks the endpoint alone, by as many callers at once as the consumer has.
    """
    with platform() as session:
        dataset = session.datasets.import_source(
            session.datasets.write_digits(Path("digits")), name="digits"
        )
        run = session.runs.start(dataset.name, dataset.version)
        run.watch()
        session.models.promote(run.run_id)
        samples = dataset.samples(10, split="holdout")
        uploaded = Uploaded(Objects(session.aws.s3), _raw(session))
        addresses = [uploaded.keep(each.content, "image/png") for each in samples]
        _streamed(session, addresses, WARM_UP)
        _asked(session, samples, WARM_UP)
        rates: dict[str, list[float]] = {"ours": [], "limit": []}
        for _ in range(rounds):
            rates["limit"].append(_asked(session, samples, records))
            rates["ours"].append(_streamed(session, addresses, records))
    return row("stream_throughput", "records/s", rates, higher_is_better=True)


def _raw(session: Session) -> str:
    return session.names.bucket("raw", session.aws.account)


def _asked(session: Session, samples: Sequence[Sample], count: int) -> float:
    """Return how many images a second the endpoint answers."""
    stream = session.settings.stream
    callers = stream.concurrency * stream.minimum_shards
    runtime = session.aws.client("sagemaker-runtime", max_pool_connections=callers)

    def ask(number: int) -> None:
        runtime.invoke_endpoint(
            EndpointName=session.names.endpoint,
            Body=samples[number % len(samples)].content,
            ContentType="image/png",
            CustomAttributes="monitoring=true",
        )["Body"].read()

    with ThreadPoolExecutor(callers) as pool:
        began = time.perf_counter()
        list(pool.map(ask, range(count)))
        return count / (time.perf_counter() - began)


def _streamed(session: Session, addresses: Sequence[str], count: int) -> float:
    """Return how many requests a second the stream answers.

    Raises
    ------
    Unavailable
        Not all of them were answered.
    """
    began, streams = datetime.now(UTC), session.streams
    requests = [
        InferenceRequest(
            prediction_id=uuid.uuid4().hex, s3=addresses[number % len(addresses)], time=began
        )
        for number in range(count)
    ]
    for each in requests:
        streams.predictions.accept(each.prediction_id)
    sent = datetime.now(UTC)
    streams.put([(each.model_dump_json().encode(), each.prediction_id) for each in requests])
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        time.sleep(count / 200)  # looking costs the machine what is measured
        told = [each.arrived for each in streams.read(sent, kind="events")]
        if len(told) >= count:
            first = min(each.arrived for each in streams.read(sent))
            return count / (max(told) - first).total_seconds()
    raise Unavailable(f"{len(told)} of {count} requests were answered.")
