"""What loads ask for, worked out by hand, and the tables of the page about it."""

from pathlib import Path
from typing import Any

import pytest

from visionml.contracts import settings
from visionml.economics import quotas
from visionml.economics.capacity import Capacity, Demand, Load, capacity, scenarios

PAGE = (Path(__file__).parents[3] / "docs" / "scaling-and-cost.md").read_text(encoding="utf-8")
PROD = settings.load("prod")


def found(images: int, predictions: int, peak: float = 1, **overrides: Any) -> Capacity:
    assume = {"cache_hit_rate": 0, "async_share": 0.5, "request_kilobytes": 100}
    chosen = settings.changed(PROD, overrides)
    return capacity(chosen, Load(images, predictions, peak), assume=assume)


def demand(what: str, of: Capacity) -> Demand:
    (one,) = [each for each in of.demands if each.what.startswith(what)]
    return one


def test_labels_are_asked_for_once_an_image() -> None:
    labels = demand("DetectLabels", found(864_000, 1, peak=10))
    assert labels.mean == pytest.approx(10)
    assert labels.peak == pytest.approx(100)
    assert labels.enough is False
    assert labels.advice == "ask for 120"


def test_requests_of_100_kilobytes_fill_a_shard_at_ten_a_second() -> None:
    # 1,728,000 predictions a day are 20 a second, half of them by the stream: 1 MB/s
    shards = demand("shards of requests", found(1, 1_728_000))
    assert shards.mean == pytest.approx(1.0)
    three = demand("shards of requests", found(1, 1_728_000, peak=3))
    assert (three.peak, three.enough, three.advice) == (3, False, "set 4")


def test_a_stream_on_demand_needs_no_shards_of_ours() -> None:
    shards = demand(
        "shards of requests", found(1, 1_728_000, peak=9, **{"stream.mode": "on_demand"})
    )
    assert shards.enough


def test_instances_follow_the_processors_that_predictions_keep_busy() -> None:
    # 2 processors at 70 % make 28 images of 0.05 s in a second; scaling holds 10 a second below
    many = found(1, 279 * 86_400, **{"serving.invocations_per_instance": 60_000})
    assert demand("instances of the endpoint", many).peak == 10
    few = found(1, 279 * 86_400, **{"serving.invocations_per_instance": 600})
    assert demand("instances of the endpoint", few).peak == 28
    assert demand("instances of the endpoint", few).advice == "set 34"
    assert demand("ml.m5.large in a deployment", many).peak == 21


def test_a_days_images_are_predicted_in_six_hours() -> None:
    # 20 images a second on each of the vCPUs
    vcpus = demand("vCPUs for a day", found(21_600 * 400, 1))
    assert vcpus.peak == 20
    assert vcpus.enough
    assert demand("vCPUs of AWS Batch", found(21_600 * 400, 1)).advice == "ask for 24"


def test_a_quota_that_depends_on_the_account_is_to_be_looked_up() -> None:
    instances = demand("ml.m5.large in a deployment", found(1, 1))
    assert instances.enough is None
    assert instances.advice == "look up the account's quota; 5 are needed"
    assert instances in found(1, 1).short()


def test_a_month_of_requests_can_be_more_than_a_key_may_ask() -> None:
    month = demand("requests of one key in a month", found(1, 100_000))
    assert month.peak > 3_000_000
    assert month.bound == "serving.quota_per_month"
    assert not month.enough


def test_a_tenfold_peak_asks_for_more_of_everything_but_batches() -> None:
    plain, peak = found(500_000, 100_000), found(500_000, 100_000, peak=10)
    for one, other in zip(plain.demands, peak.demands, strict=True):
        assert other.peak >= one.peak, one.what
        assert other.mean == pytest.approx(one.mean), one.what


def test_every_quota_names_its_page_and_every_bound_a_setting_there_is() -> None:
    assert all(quota.source.startswith("https://docs.aws.amazon.com/") for quota in quotas.QUOTAS)
    for each in found(500_000, 100_000).demands:
        if each.kind == "setting":
            part, _, name = each.bound.split(" x ")[0].partition(".")
            assert hasattr(getattr(PROD, part), name), each.bound


@pytest.mark.parametrize("load", scenarios(PROD), ids=str)
def test_the_page_says_what_the_model_says(load: Load) -> None:
    for each in capacity(PROD, load).demands:
        if not each.enough:
            cells = (
                f"{load.images_per_day:,}",
                f"{load.peak:g} x",
                each.what,
                f"{each.peak:,.0f} {each.unit}",
                f"`{each.bound}`" if each.kind == "setting" else each.bound,
                each.advice,
            )
            assert f"| {' | '.join(cells)} |" in PAGE
