"""The tables of docs/scaling-and-cost.md say what the model says."""

import math
from pathlib import Path

import pytest

from visionml.contracts.settings import IntakeSettings, StreamSettings
from visionml.economics import batch, stream
from visionml.economics.intake import STAGES, Need, account_share, arrivals, needs, queue
from visionml.economics.prices import load

PAGE = (Path(__file__).parents[3] / "docs" / "scaling-and-cost.md").read_text(encoding="utf-8")


def cell(need: Need) -> str:
    return f"{need.mean:.1f}, at most {need.most}"


@pytest.mark.parametrize(("images", "peak"), [(500_000, 1), (500_000, 10), (50_000_000, 1)])
def test_the_table_of_concurrency_is_the_models(images: int, peak: int) -> None:
    needed = needs(STAGES, images_per_day=images, peak=peak)
    cells = [f"{images:,}", f"{peak} x", f"{arrivals(images, peak):.1f}", *map(cell, needed)]
    assert f"| {' | '.join(cells)} | {account_share(needed):.0%} |".replace("%", " %") in PAGE


@pytest.mark.parametrize("concurrency", [20, 30, IntakeSettings().maximum_concurrency])
def test_the_table_of_the_queue_is_the_models(concurrency: int) -> None:
    found = queue(STAGES[0], images_per_day=500_000, peak=10, concurrency=concurrency)
    slow = found.slow_wait_seconds
    wait = "ever longer" if math.isinf(slow) else f"{slow:.1f} s"
    assert f"| {concurrency} | {wait} | {found.drain_seconds / 60:.0f} min |" in PAGE


@pytest.mark.parametrize(
    ("predictions", "peak", "lanes"),
    [
        (100_000, 1, 2),
        (100_000, 10, 2),
        (10_000_000, 1, 2),
        (10_000_000, 1, 4),
        (10_000_000, 10, 20),
        (10_000_000, 10, 40),
    ],
)
def test_the_table_of_the_stream_is_the_models(predictions: int, peak: int, lanes: int) -> None:
    rate = stream.Reading(shards=lanes).rate(stream.Endpoint(processors=1_000_000))
    mean, wanted = stream.arrivals(predictions), stream.arrivals(predictions, peak)
    left = stream.burst(rate, mean=mean, peak=wanted, seconds=3600)
    drained = left.drain_seconds
    cells = [
        f"{predictions:,}",
        f"{peak} x",
        f"{wanted:.1f}",
        str(lanes),
        f"{rate:.0f}/s",
        str(math.ceil(min(wanted, rate) * stream.IMAGE_SECONDS)),
        f"{left.lag_seconds / 60:.0f} min",
        "never" if math.isinf(drained) else f"{drained / 60:.0f} min",
    ]
    assert f"| {' | '.join(cells)} |" in PAGE


def test_the_model_reads_the_stream_as_the_settings_do() -> None:
    settings, reading = StreamSettings(), stream.Reading()
    assert (reading.shards, reading.batch) == (settings.minimum_shards, settings.batch)
    assert reading.parallelization_factor == settings.parallelization_factor
    assert reading.concurrency == settings.concurrency
    assert reading.images_per_invocation == settings.images_per_invocation


@pytest.mark.parametrize(("lanes", "minutes"), [(20, "five hours"), (4, "12 minutes")])
def test_the_page_says_how_long_a_peak_may_last(lanes: int, minutes: str) -> None:
    longest = stream.longest_burst(
        stream.Reading(shards=lanes).rate(stream.Endpoint(processors=1_000_000)),
        peak=stream.arrivals(10_000_000, 10),
        maximum_age_seconds=StreamSettings().maximum_age_seconds,
    )
    said = f"{longest / 60:.0f} minutes" if longest < 3600 else "five hours"
    assert said == minutes
    assert round(longest / 3600) == (5 if lanes == 20 else 0)
    assert minutes in " ".join(PAGE.split())


@pytest.mark.parametrize(
    ("method", "vcpus", "images_per_part", "instances"),
    [
        ("model", 64, 2_000, 0),
        ("model", 64, 10_000, 0),
        ("model", 256, 2_000, 0),
        ("endpoint", 16, 2_000, 10),
        ("endpoint", 16, 10_000, 10),
        ("endpoint", 16, 10_000, 20),
    ],
)
def test_the_table_of_batches_is_the_models(
    method: str, vcpus: int, images_per_part: int, instances: int
) -> None:
    job = batch.Job(25 if method == "model" else 200)
    usd = []
    for lost, discount in ((0.0, 0.0), (0.02, 0.6)):
        fleet = batch.Fleet(vcpus=vcpus, lost_an_hour=lost)
        course = batch.simulated(
            1_000_000,
            job=job,
            fleet=fleet,
            images_per_part=images_per_part,
            endpoint_per_second=50 * instances or math.inf,
        )
        bill = batch.cost(
            course,
            fleet=fleet,
            prices=load("us-east-1"),
            spot_discount=discount,
            endpoint=("ml.m5.large", instances) if instances else None,
        )
        usd.append(f"${sum(bill.values()):.2f}")
    cells = [
        method,
        str(vcpus),
        f"{images_per_part:,}",
        str(instances or "none"),
        f"{course.seconds / 60:.0f} min",
        f"{course.images_per_second:,.0f}/s",
        str(course.lost),
        *usd[::-1],
    ]
    assert f"| {' | '.join(cells)} |" in PAGE
