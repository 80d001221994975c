"""One look at the answers of a time: each model version and variant is compared and reported."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from visionml.contracts.monitoring import DriftReport, PerformancePoint, Persistence
from visionml.contracts.settings import DriftSettings
from visionml.contracts.watching import Watched
from visionml.monitoring.baseline import Baseline
from visionml.monitoring.check import check
from visionml.monitoring.delivered import Delivered, Row
from visionml.monitoring.performance import performance, series
from visionml.monitoring.persistence import persistence
from visionml.monitoring.reports import Reports
from visionml.monitoring.sequential import advance
from visionml.monitoring.window import Window, from_events

Answering = tuple[str, str]
"""A model version, and the variant as which it answers."""

PAST = 168
"""Reports before this one that its page shows."""

Page = Callable[[DriftReport, Sequence[DriftReport], Persistence, Sequence[PerformancePoint]], str]
"""Takes a report, those before it, whether drift stays, and accuracy by day; returns HTML."""


@dataclass(frozen=True)
class Look:
    """What became of the answers of one version and variant."""

    report: DriftReport
    persistence: Persistence
    begun: bool
    """This is the report with which an alarm begins."""
    accuracy: PerformancePoint
    address: str
    """Of the report's JSON."""

    @property
    def watched(self) -> Watched:
        """The same in brief."""
        return Watched(
            **self.report.model_dump(
                include={"model_version", "variant", "state", "score", "threshold"}
            ),
            samples=self.report.window.samples,
            moved=tuple(self.report.moved),
            alarm=self.persistence.alarm,
            report=self.address,
        )


class Watch:
    """Looks at answers; everything it needs is handed to it."""

    def __init__(
        self,
        *,
        delivered: Delivered,
        reports: Reports,
        baselines: Callable[[str], Baseline | None],
        settings: DriftSettings,
        page: Page,
    ) -> None:
        self._delivered, self._reports = delivered, reports
        self._baselines, self._settings, self._page = baselines, settings, page

    def look(
        self, serving: Mapping[str, str], *, begin: datetime, end: datetime, now: datetime
    ) -> list[Look]:
        """Compare and report the answers from `begin` to `end`; `serving` is variant to version.

        A version that serves is reported on even if nobody asked it.
        """
        rows: dict[Answering, list[Row]] = {
            (version, variant): [] for variant, version in serving.items()
        }
        for row in self._delivered.events(begin, end, now=now):
            rows.setdefault((str(row["model_version"]), str(row["variant"])), []).append(row)
        truths = self._truths(end)
        return [
            self._look(answering, found, truths[answering], begin=begin, end=end, now=now)
            for answering, found in sorted(rows.items())
        ]

    def _look(
        self,
        answering: Answering,
        rows: Sequence[Row],
        truths: Sequence[Row],
        *,
        begin: datetime,
        end: datetime,
        now: datetime,
    ) -> Look:
        version, variant = answering
        baseline = self._baselines(version)
        window = from_events(
            rows,
            classes=baseline.facts.classes if baseline else _classes(rows),
            model_version=version,
            begin=begin,
            end=end,
            now=now,
        )
        report = self._compared(baseline, window, answering, end)
        past = self._reports.past(version, variant, most=PAST, before=end)
        known, before = self._stays([*past, report]), self._stays(past)
        of: dict[str, Any] = {
            "begin": end - timedelta(days=self._settings.truth_days),
            "end": end,
            "model_version": version,
            "variant": variant,
        }
        promised = [(each.time, each.estimate) for each in [*past, report] if each.estimate]
        by_day = series(truths, **of, step=timedelta(days=1), estimates=promised)
        return Look(
            report=report,
            persistence=known,
            begun=known.alarm and not before.alarm,
            accuracy=performance(truths, **of, estimate=report.estimate),
            address=self._reports.write(report, self._page(report, past, known, by_day)),
        )

    def _compared(
        self, baseline: Baseline | None, window: Window, answering: Answering, end: datetime
    ) -> DriftReport:
        """Compare a window as a whole; of too few answers each is counted with those before."""
        version, variant = answering
        named: dict[str, Any] = {
            "report_id": f"drift-{version}-{variant}-{end.astimezone(UTC):%Y%m%dT%H%M%SZ}",
            "time": end,
            "model_version": version,
            "variant": variant,
        }
        report = check(baseline, window, **named)
        if baseline is None or not 0 < len(window) < baseline.facts.fewest:
            return report
        known = self._reports.counted(version, variant)
        state, counted = advance(known, baseline, window, **named)
        self._reports.count(state)
        return counted if counted.threshold is not None else report

    def _stays(self, reports: Sequence[DriftReport]) -> Persistence:
        settings = self._settings
        return persistence(reports, needed=settings.alarm_reports, of=settings.of_reports)

    def _truths(self, end: datetime) -> Mapping[Answering, list[Row]]:
        begin = end - timedelta(days=self._settings.truth_days)
        found: defaultdict[Answering, list[Row]] = defaultdict(list)
        for row in self._delivered.truths(begin, end):
            found[str(row["model_version"]), str(row["variant"])].append(row)
        return found


def _classes(rows: Sequence[Row]) -> list[str]:
    """Return the classes that answers tell of, where no baseline says which there are."""
    return sorted({str(name) for row in rows for name, _ in _pairs(row)})


def _pairs(row: Row) -> list[tuple[str, float]]:
    shares = row.get("probabilities") or {}
    return list(shares.items()) if isinstance(shares, Mapping) else list(shares)
