"""What a resource is charged for, and what it is charged by."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from visionml.economics.assumptions import Assumptions
from visionml.economics.prices import Prices
from visionml.economics.template import Resource, Templates
from visionml.economics.workload import Driver, Workload


@dataclass(frozen=True)
class Charge:
    """A quantity in a month of something that has a price."""

    what: str
    price: str
    """Its name in the table of prices."""
    quantity: float
    driver: Driver = "standing"
    factor: float = 1.0
    """Of the list price, such as that of spot capacity."""


@dataclass(frozen=True)
class World:
    """All that a charge may depend on."""

    templates: Templates
    work: Workload
    prices: Prices

    @property
    def assumed(self) -> Assumptions:
        """The assumed quantities."""
        return self.work.assumed

    def base(self, name: object) -> str:
        """Return a physical name without the environment's prefix and ending."""
        return self.templates.base(name)


Charges = Callable[[Resource, World], Iterator[Charge]]
"""Tells a resource's charges."""
