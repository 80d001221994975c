"""Public list prices, from ``prices.toml``."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from math import inf
from pathlib import Path
from typing import Any

from visionml.errors import SettingsInvalid

_FILE = Path(__file__).with_name("prices.toml")

Tiers = tuple[tuple[float, float], ...]
"""Pairs of the quantity up to which a price holds, in a month, and that price."""


@dataclass(frozen=True)
class Price:
    """What one unit of something costs in one region."""

    name: str
    unit: str
    tiers: Tiers
    source: str
    """The page of AWS that states it."""

    def usd(self, quantity: float) -> float:
        """Return what a quantity costs, each part of it at its tier's price."""
        total = below = 0.0
        for upto, price in self.tiers:
            total += max(0.0, min(quantity, upto) - below) * price
            below = upto
        return total


@dataclass(frozen=True)
class Prices:
    """The prices of one region."""

    region: str
    date: date
    """When they were current."""
    _by_name: dict[str, Price]

    def __getitem__(self, name: str) -> Price:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def all(self) -> tuple[Price, ...]:
        """Return every price."""
        return tuple(self._by_name.values())


@cache
def load(region: str) -> Prices:
    """Return a region's prices.

    Raises
    ------
    SettingsInvalid
        The table has no prices of that region.
    """
    table = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    known: list[str] = table["regions"]
    if region not in known:
        raise SettingsInvalid(
            f"There are no prices of the region {region} in {_FILE.name}.",
            hint=f"Estimate at the prices of another, --region {known[0]}, or add them there.",
        )
    return Prices(
        region,
        table["date"],
        {
            name: Price(name, entry["unit"], _tiers(entry["usd"][region]), entry["source"])
            for name, entry in table["prices"].items()
        },
    )


def regions() -> tuple[str, ...]:
    """Return the regions whose prices the table has; the first is the one to fall back on."""
    return tuple(tomllib.loads(_FILE.read_text(encoding="utf-8"))["regions"])


def _tiers(usd: Any) -> Tiers:
    if isinstance(usd, list):
        return tuple((float(upto), float(price)) for upto, price in usd)
    return ((inf, float(usd)),)
