"""The table of prices: tiers by hand, and where each price comes from."""

import pytest

from visionml.economics import prices
from visionml.errors import SettingsInvalid


@pytest.fixture(params=["us-east-1", "us-west-2"])
def region(request: pytest.FixtureRequest) -> prices.Prices:
    return prices.load(str(request.param))


def test_a_plain_price_is_multiplied() -> None:
    assert prices.load("us-east-1")["lambda-request"].usd(3_000_000) == pytest.approx(0.60)


def test_each_part_of_a_quantity_has_the_price_of_its_tier() -> None:
    # 1 million at 0.001, 4 million at 0.0008, 10 million at 0.0006
    images = prices.load("us-east-1")["rekognition-image"]
    assert images.usd(15_000_000) == pytest.approx(1_000 + 3_200 + 6_000)
    # 50 TB at 0.023, 50 TB at 0.022
    assert prices.load("us-east-1")["s3-standard"].usd(102_400) == pytest.approx(1177.6 + 1126.4)
    assert images.usd(0) == 0


def test_every_price_names_the_page_that_states_it(region: prices.Prices) -> None:
    for price in region.all():
        assert price.source.startswith("https://aws.amazon.com/"), price.name
        assert "pricing" in price.source, price.name
        assert price.unit, price.name


def test_every_price_is_positive_and_falls_with_quantity(region: prices.Prices) -> None:
    for price in region.all():
        limits, each = zip(*price.tiers, strict=True)
        assert min(each) > 0, price.name
        assert list(each) == sorted(each, reverse=True), price.name
        assert list(limits) == sorted(limits), price.name
        assert limits[-1] == float("inf"), price.name


def test_a_region_without_prices_is_refused_with_one_that_has_some() -> None:
    with pytest.raises(SettingsInvalid, match="--region us-east-1"):
        prices.load("eu-north-1")
