"""The metrics of invocations, as ``AWS/SageMaker`` has them per endpoint and variant."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Document, Scope

NAMESPACE = "AWS/SageMaker"
FLUSH_SECONDS = 1.0
_OF_INSTANCES = "/aws/sagemaker/Endpoints"


@dataclass(frozen=True)
class Source:
    """Whose metrics they are."""

    scope: Scope
    endpoint: str
    variant: str


@dataclass(frozen=True)
class Invocation:
    """What is known of one invocation when it has ended."""

    status: int
    """The container's status, 0 when there was none."""
    model_microseconds: float
    overhead_microseconds: float
    instances: int


@dataclass(frozen=True)
class Sample:
    """A figure of its own, beside those of an invocation."""

    name: str
    value: float

    @property
    def namespace(self) -> str:
        """Where AWS has it."""
        return _OF_INSTANCES if self.name == "LoadedModelCount" else NAMESPACE

    @property
    def unit(self) -> str:
        """The unit that it is published in."""
        return "Microseconds" if self.name.endswith("Time") else "None"


@dataclass
class Meter:
    """Collects invocations and publishes them about every second, values and all."""

    cloud: Cloud
    _pending: dict[Source, list[Invocation]] = field(default_factory=lambda: defaultdict(list))
    _samples: dict[Source, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _wake: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def count(self, source: Source, invocation: Invocation) -> None:
        """Take an invocation."""
        with self._lock:
            self._pending[source].append(invocation)
        self._work()

    def sample(self, source: Source, sample: Sample) -> None:
        """Take a figure of its own."""
        with self._lock:
            self._samples[source].append(sample)
        self._work()

    def flush(self) -> None:
        """Publish what has been taken so far."""
        with self._lock:
            pending, self._pending = self._pending, defaultdict(list)
            samples, self._samples = self._samples, defaultdict(list)
        for source, invocations in pending.items():
            self.cloud.metrics(source.scope, NAMESPACE, metric_data(source, invocations))
        for source, found in samples.items():
            for namespace in {each.namespace for each in found}:
                data = sample_data(source, [each for each in found if each.namespace == namespace])
                self.cloud.metrics(source.scope, namespace, data)

    def _work(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="meter", daemon=True)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            time.sleep(FLUSH_SECONDS)
            self.flush()


def metric_data(source: Source, invocations: list[Invocation]) -> list[Document]:
    """Return invocations as PutMetricData takes them."""
    moment = time.time()
    series: tuple[tuple[str, str, Callable[[Invocation], float]], ...] = (
        ("Invocations", "None", lambda _each: 1.0),
        ("InvocationsPerInstance", "None", lambda each: 1.0 / max(1, each.instances)),
        ("Invocation4XXErrors", "None", lambda each: float(400 <= each.status < 500)),
        ("Invocation5XXErrors", "None", lambda each: float(each.status >= 500 or not each.status)),
        ("InvocationModelErrors", "None", lambda each: float(not 200 <= each.status < 300)),
        ("ModelLatency", "Microseconds", lambda each: each.model_microseconds),
        ("OverheadLatency", "Microseconds", lambda each: each.overhead_microseconds),
    )
    return [
        {
            "MetricName": name,
            "Dimensions": _dimensions(source),
            "Timestamp": moment,
            "Unit": unit,
            **_counted([value(each) for each in invocations]),
        }
        for name, unit, value in series
    ]


def sample_data(source: Source, samples: list[Sample]) -> list[Document]:
    """Return figures of their own as PutMetricData takes them."""
    moment = time.time()
    return [
        {
            "MetricName": sample.name,
            "Dimensions": _dimensions(source),
            "Timestamp": moment,
            "Unit": sample.unit,
            "Value": sample.value,
        }
        for sample in samples
    ]


def _dimensions(source: Source) -> list[Document]:
    return [
        {"Name": "EndpointName", "Value": source.endpoint},
        {"Name": "VariantName", "Value": source.variant},
    ]


def _counted(values: list[float]) -> Document:
    counts: dict[float, int] = {}
    for value in values:
        counts[round(value, 6)] = counts.get(round(value, 6), 0) + 1
    return {"Values": list(counts), "Counts": [float(count) for count in counts.values()]}
