"""Drift of the answers in production: looks at them, reports, baselines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from visionml.aws.functions import call
from visionml.contracts.monitoring import DriftReport
from visionml.contracts.watching import BaselineMade, WatchOrder, WatchSummary
from visionml.desks.card import Card
from visionml.desks.platform import Platform
from visionml.errors import NotFound
from visionml.monitoring.baseline import Baseline
from visionml.monitoring.baselines import Baselines
from visionml.monitoring.persistence import persistence
from visionml.monitoring.reports import Reports

_COLUMNS = [
    *("time", "variant", "version", "state", "samples", "score", "threshold", "moved", "reason"),
]


class Report:
    """One report, which a notebook shows as its page."""

    def __init__(self, report: DriftReport, page: str) -> None:
        self.record, self.page = report, page

    def __repr__(self) -> str:
        return repr(self.describe())

    def _repr_html_(self) -> str:
        return self.page

    def describe(self) -> Card:
        """Return the report in brief."""
        report = self.record
        tested = report.threshold is not None
        return Card(
            f"{report.variant} ({report.model_version}) at {report.time:%Y-%m-%d %H:%M} UTC",
            {
                "state": report.state,
                "why": report.reason,
                "answers": report.window.samples,
                "score": f"{report.score:.2f} of {report.threshold:.2f}" if tested else "untested",
                "moved": ", ".join(report.moved) or "nothing",
            },
        )

    def findings(self) -> pd.DataFrame:
        """Return every comparison, the most surprising first."""
        rows = [each.model_dump() for each in self.record.findings]
        return pd.DataFrame(rows)


class Drift:
    """What is known of drift; ``session.drift`` shows the newest reports."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def __repr__(self) -> str:
        return self.now().to_string()

    def _repr_html_(self) -> str:
        return str(self.now().to_html())

    def now(self) -> pd.DataFrame:
        """Return the newest report on each version and variant, and whether it is an alarm."""
        rows = []
        settings = self._platform.settings.drift
        for version, variant in self._reports.pairs():
            past = self._reports.past(version, variant, most=settings.of_reports * 4)
            if past:
                stays = persistence(past, needed=settings.alarm_reports, of=settings.of_reports)
                rows.append({**_row(past[-1]), "alarm": stays.alarm, "since": stays.since})
        columns = pd.Index([*_COLUMNS, "alarm", "since"])
        found = pd.DataFrame(rows, columns=columns).sort_values("time", ascending=False)
        return found.set_index("variant")

    def history(
        self, *, version: str | None = None, variant: str | None = None, most: int = 200
    ) -> pd.DataFrame:
        """Return a row for each report, the oldest first: `most` of each version and variant."""
        reports = [
            report
            for pair in self._pairs(version, variant)
            for report in self._reports.past(*pair, most=most)
        ]
        reports.sort(key=lambda each: each.time)
        return pd.DataFrame(map(_row, reports), columns=pd.Index(_COLUMNS))

    def report(self, *, version: str | None = None, variant: str | None = None) -> Report:
        """Return the newest report, of one version or variant if they are named.

        Raises
        ------
        NotFound
            There is none.
        """
        found = [
            report
            for pair in self._pairs(version, variant)
            for report in self._reports.past(*pair, most=1)
        ]
        if not found:
            raise NotFound(
                "There is no report on drift yet.",
                hint="Reports are made every hour; `visionml drift --look` makes one now.",
            )
        newest = max(found, key=lambda each: each.time)
        return Report(newest, self._reports.page(newest))

    def look(self, begin: datetime | None = None, end: datetime | None = None) -> WatchSummary:
        """Look at the answers now: those of the last hours, or of a time of your own.

        Raises
        ------
        JobFailed
            The function that looks failed.
        """
        event: dict[str, Any] = {}
        if begin is not None and end is not None:
            event = WatchOrder(begin=begin, end=end).model_dump(mode="json")
        return WatchSummary.model_validate(self._call("drift_watcher", event))

    def baseline(self, version: str | None = None) -> Baseline:
        """Return what the version in production, or another one, is compared with.

        Raises
        ------
        NotFound
            There is none.
        """
        version = version or self._active()
        found = Baselines(self._platform.objects, self._platform.bucket("models")).find(version)
        if found is None:
            raise NotFound(
                f"The version {version} has no baseline.",
                hint="It is made when a rollout has ended; session.drift.make_baseline() makes it.",
            )
        return found

    def make_baseline(self, version: str | None = None) -> BaselineMade:
        """Make the baseline of a version that has none; one that is there stays."""
        event = {"detail": {"model_version": version or self._active()}}
        answer = self._call("baseline_maker", event)
        return BaselineMade.model_validate(answer["baselines"][0])

    @property
    def _reports(self) -> Reports:
        return Reports(self._platform.objects, self._platform.bucket("results"))

    def _pairs(self, version: str | None, variant: str | None) -> Sequence[tuple[str, str]]:
        return [
            pair
            for pair in self._reports.pairs()
            if version in {None, pair[0]} and variant in {None, pair[1]}
        ]

    def _active(self) -> str:
        version = self._platform.versions.active()
        if version is None:
            raise NotFound("No model is in production.", hint="Promote one: `visionml promote`.")
        return version

    def _call(self, module: str, event: dict[str, Any]) -> dict[str, Any]:
        platform = self._platform
        client = platform.aws.client("lambda", read_timeout=900, retries={"max_attempts": 0})
        return call(client, platform.names.function(module), event)


def _row(report: DriftReport) -> dict[str, Any]:
    return {
        "time": report.time,
        "variant": report.variant,
        "version": report.model_version,
        "state": report.state,
        "samples": report.window.samples,
        "score": report.score,
        "threshold": report.threshold,
        "moved": ", ".join(report.moved),
        "reason": report.reason,
    }
