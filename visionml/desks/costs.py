"""What an environment costs in a month, by its templates and settings; needs no account."""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from visionml.contracts import settings as setting_files
from visionml.contracts.settings import Settings
from visionml.desks.card import Card
from visionml.desks.platform import Platform
from visionml.economics import prices, template
from visionml.economics.estimate import Estimate
from visionml.economics.switches import Case, Saving, savings


@dataclass(frozen=True)
class Bill:
    """A month's estimated bill, to be looked at from several sides."""

    case: Case

    @cached_property
    def estimate(self) -> Estimate:
        """The estimate itself."""
        return self.case.estimate()

    @property
    def monthly_usd(self) -> float:
        """The month, with every assumption at its typical value."""
        return round(self.estimate.usd, 2)

    @cached_property
    def savings(self) -> tuple[Saving, ...]:
        """What each switch saves, the largest first."""
        return savings(self.case)

    def lines(self) -> pd.DataFrame:
        """Return every line of the bill, the largest first."""
        frame = pd.DataFrame([asdict(line) for line in self.estimate.lines])
        return frame.sort_values("usd", ascending=False, ignore_index=True)

    def by(self, what: str) -> pd.DataFrame:
        """Return the bill per ``stack``, ``service`` or ``driver``, with its range."""
        summed = self.lines().groupby(what)[["usd", "low_usd", "high_usd"]].sum()
        return summed.sort_values("usd", ascending=False).round(2)

    def switches(self) -> pd.DataFrame:
        """Return what each switch saves in a month, or would save."""
        rows = [{**asdict(each), "saves_usd": each.saves_usd} for each in self.savings]
        return pd.DataFrame(rows).set_index("switch").round(2)

    def assumptions(self) -> pd.DataFrame:
        """Return what is assumed, and between which bounds."""
        rows = [asdict(each) for each in self.estimate.assumptions]
        return pd.DataFrame(rows).rename(columns={"name": "assumption"}).set_index("assumption")

    def figures(self) -> dict[str, Any]:
        """Return the sums, as JSON has them."""
        found = self.estimate
        low, high = found.range_usd
        return {
            "environment": found.environment,
            "region": found.prices.region,
            "prices_of": found.prices.date.isoformat(),
            "monthly_usd": self.monthly_usd,
            "low_usd": round(low, 2),
            "high_usd": round(high, 2),
            "per_million_images_usd": round(found.per_million_images_usd, 2),
            "per_prediction_usd": round(found.per_prediction_usd, 8),
            "unpriced": [asdict(each) for each in found.unpriced],
        }

    def card(self) -> Card:
        """Return the sums, to be looked at."""
        facts = self.figures()
        return Card(
            f"A month of {facts['environment']}",
            {
                "cost": f"${facts['monthly_usd']:,.0f}",
                "range": f"${facts['low_usd']:,.0f} to ${facts['high_usd']:,.0f}",
                "a million images": f"${facts['per_million_images_usd']:,.2f}",
                "a thousand predictions": f"${1000 * facts['per_prediction_usd']:.4f}",
                "prices": f"{facts['region']}, list prices of {facts['prices_of']}",
                "not priced": len(facts["unpriced"]) or "nothing",
            },
        )


def bill(
    settings: Settings,
    *,
    what_if: Mapping[str, Any] | None = None,
    assume: Mapping[str, float] | None = None,
    region: str | None = None,
    assembly: Path | None = None,
) -> Bill:
    """Return the bill of an environment, with other settings if `what_if` names any.

    `assembly` is a folder with the environment's synthesised templates; else they are synthesised.

    Raises
    ------
    SettingsInvalid
        A setting does not fit, or there are no prices of the region.
    InvalidInput
        There is no such assumption.
    """
    wanted = setting_files.changed(settings, what_if or {})
    if assembly is not None:
        return Bill(Case(wanted, template.read(assembly), region, assume or {}))
    from visionml.cdk.synth import synthesise  # noqa: PLC0415 - takes seconds to import

    with tempfile.TemporaryDirectory(prefix="visionml-") as folder:
        synthesise(wanted, Path(folder), guarded=False)
        return Bill(Case(wanted, template.read(Path(folder)), region, assume or {}))


class Costs:
    """The costs of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def bill(
        self,
        *,
        what_if: Mapping[str, Any] | None = None,
        assume: Mapping[str, float] | None = None,
        region: str | None = None,
    ) -> Bill:
        """Return a month's bill; `bill` says what the arguments are.

        An environment in a region without prices is estimated at those of the table's first one,
        which the bill's card names.
        """
        known, own = prices.regions(), self._platform.settings.region
        return bill(
            self._platform.settings,
            what_if=what_if,
            assume=assume,
            region=region or (own if own in known else known[0]),
        )
