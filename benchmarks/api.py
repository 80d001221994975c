"""What API Gateway and the function behind it add to the endpoint's own latency."""

import time
from pathlib import Path
from statistics import median
from uuid import uuid4

from benchmarks.platform import platform
from benchmarks.record import Row, row
from visionml.contracts.inference import ATTEMPT_HEADER, Prediction
from visionml.desks.api import Api
from visionml.desks.datasets import Sample
from visionml.errors import VisionmlError

ROUNDS = 5


def adapter_overhead() -> Row:
    """Measure requests one after another, none of them answered by the cache.

    Raises
    ------
    VisionmlError
        One was refused.
    """
    with platform() as session:
        dataset = session.datasets.import_source(
            session.datasets.write_digits(Path("digits")), name="digits"
        )
        run = session.runs.start(dataset.name, dataset.version)
        run.watch()
        session.models.promote(run.run_id)
        samples = dataset.samples(10, split="holdout")
        for sample in samples:  # until functions and connections are warm
            _overhead_ms(session.api, sample)
        rounds = [
            median(_overhead_ms(session.api, sample) for sample in samples) for _ in range(ROUNDS)
        ]
    return row("adapter_overhead", "ms", {"ours": rounds})


def _overhead_ms(api: Api, sample: Sample) -> float:
    began = time.perf_counter()
    answer = api.ask(
        sample.content, content_type="image/png", headers={ATTEMPT_HEADER: uuid4().hex}
    )
    elapsed_ms = (time.perf_counter() - began) * 1e3
    if answer.status != 200:
        raise VisionmlError(f"The API answered {answer.told()}.")
    return elapsed_ms - Prediction.model_validate(answer.body).latency_ms
