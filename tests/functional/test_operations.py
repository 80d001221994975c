"""What is measured while callers ask, as tables: the endpoint, the API, the stream, the alarms."""

import pandas as pd
import pytest

from tests.functional.platform import Deployed
from tests.functional.waiting import until
from visionml.contracts.deployment import DeploymentOutcome
from visionml.errors import InvalidInput


@pytest.fixture(scope="module")
def asked(platform: Deployed, promoted: DeploymentOutcome) -> int:
    """Six images were asked about, and one text."""
    del promoted
    session = platform.session
    samples = session.datasets.open("digits").samples(per_class=1)[:6]
    for sample in samples:
        session.api.predict(sample.content)
    session.api.refusals({"a text": (b"seven", "image/png")})
    return len(samples)


def _enough(found: pd.DataFrame, *, column: str, least: int) -> list[pd.DataFrame]:
    """Return the table alone once it counts enough; metrics come some seconds late."""
    return [found] if found[column].sum() >= least else []


def test_the_endpoint_is_measured_by_variant_and_minute(platform: Deployed, asked: int) -> None:
    metrics = platform.session.metrics
    (found,) = until(lambda: _enough(metrics.endpoint(hours=1), column="invocations", least=asked))
    assert {"ModelA"} <= set(found["variant"])
    assert found.index.is_monotonic_increasing
    quick, slow = found["p50 ms"], found["p99 ms"]
    assert (quick <= slow).all()
    assert 0 < quick.min() < 10_000  # milliseconds, and not SageMaker's microseconds


def test_the_api_is_measured_with_what_it_refused(platform: Deployed, asked: int) -> None:
    metrics = platform.session.metrics
    (found,) = until(lambda: _enough(metrics.api(hours=1), column="requests", least=asked + 1))
    assert found["refused"].sum() >= 1
    assert found["p50 ms"].max() > 0


def test_where_nothing_was_measured_the_columns_are_there(platform: Deployed) -> None:
    found = platform.session.metrics.api(name="nobodys-api", hours=1)
    assert found.empty
    assert {"requests", "refused", "failed", "p99 ms"} <= set(found.columns)


@pytest.mark.usefixtures("asked")
def test_the_stream_and_the_alarms_have_their_tables(platform: Deployed) -> None:
    stream = platform.session.metrics.stream(hours=1)
    assert {"predictions", "failures", "oldest ms"} <= set(stream.columns)
    history = platform.session.alarms.history(hours=1)
    assert set(history["alarm"]) <= set(platform.session.alarms.states().index)
    assert history["began"].is_monotonic_increasing


def test_cloudwatch_is_not_asked_for_what_it_does_not_keep(platform: Deployed) -> None:
    with pytest.raises(InvalidInput, match="keeps no minutes"):
        platform.session.metrics.api(hours=10_000)
