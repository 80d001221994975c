"""A report as one page that needs nothing beside it: neither script nor font nor picture."""

from collections.abc import Iterable, Sequence
from html import escape

from visionml.contracts.monitoring import (
    AccuracyEstimate,
    DriftReport,
    Finding,
    PerformancePoint,
    Persistence,
)
from visionml.monitoring import svg

_SHOWN = 25
_HEADLINES = {
    "ok": "Nothing moved",
    "drifted": "Drift",
    "not_enough_data": "Not enough data",
    "no_baseline": "No baseline",
}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1f2937; --quiet: #5b6472; --paper: #ffffff;
  --line: #e5e7eb; --blue: #0072b2; --orange: #d55e00; --green: #007a59; --grey: #9ca3af; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e7eb; --quiet: #a3acba; --paper: #14181f;
  --line: #323a46; --blue: #56b4e9; --orange: #f28c4a; --green: #3fc79b; --grey: #7c8594; } }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 50rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0; } figure { margin: .5rem 0; } svg { width: 100%; height: auto; }
figcaption, .note, small { color: var(--quiet); font-size: .87rem; }
.state { font-weight: 700; } .ok { color: var(--green); } .drifted { color: var(--orange); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.moved td:first-child { font-weight: 600; }
text { font: 12px system-ui, sans-serif; fill: var(--quiet); }
.grid { stroke: var(--line); } .axis { stroke: var(--grey); }
.limit { stroke: var(--orange); stroke-dasharray: 5 4; }
.line { stroke: var(--blue); stroke-width: 1.5; fill: none; } .promised { stroke: var(--grey);
  stroke-width: 2; } .untested { stroke: var(--grey); stroke-width: 2; }
rect.moved { fill: var(--orange); } .quiet-mark { fill: var(--blue); }
.before { fill: var(--grey); }
"""


def page(
    report: DriftReport,
    past: Sequence[DriftReport] = (),
    persistence: Persistence | None = None,
    performance: Sequence[PerformancePoint] = (),
) -> str:
    """Return a report as HTML: what moved, by how much, since when, and examples as numbers.

    Parameters
    ----------
    past
        Earlier reports on the same model and variant.
    persistence
        What all of them say together.
    performance
        What truths told, period by period.
    """
    title = f"Drift of {report.model_version} as {report.variant}"
    sections = [
        _head(report, persistence),
        _history(report, past),
        _statistics(report),
        _classes(report),
        _findings(report),
        _performance(report.estimate, performance),
        _examples(report),
        _window(report),
        _baseline(report),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, sections))
        + "\n</main>\n</body>\n</html>\n"
    )


def _head(report: DriftReport, persistence: Persistence | None) -> str:
    words = [
        f"<h1>Drift of {escape(report.model_version)} as {escape(report.variant)}</h1>",
        f'<p class="note">{report.time:%d %B %Y, %H:%M} {report.time.tzname() or ""}, '
        f"{report.window.samples:,} answers</p>",
        f'<p><span class="state {report.state}">{_HEADLINES[report.state]}.</span> '
        f"{escape(report.reason)}</p>",
    ]
    if report.threshold is not None:
        rate = report.baseline.false_alarm_rate if report.baseline else 0
        words.append(
            f"<p>Score {report.score:.2f}, threshold {report.threshold:.2f}: without drift, "
            f"{rate:.2g} of all windows reach it.</p>"
        )
    if persistence is not None:
        words.append(f"<p>{_persistence(persistence)}</p>")
    return "\n".join(words)


def _persistence(found: Persistence) -> str:
    told = (
        f"{found.drifted} of the newest {found.of} reports drifted; {found.needed} are an alarm"
        f"{', and this is one' if found.alarm else ''}."
    )
    if found.since:
        told += f" It began with the report of {found.since:%d %B %Y, %H:%M}."
    if found.untested:
        told += f" {found.untested} reports since the last that could be tested say nothing."
    return told


def _history(report: DriftReport, past: Sequence[DriftReport]) -> str:
    known = sorted([*past, report], key=lambda each: each.time)
    return f"<h2>Over time</h2>{svg.history(known)}" if len(known) > 1 else ""


def _statistics(report: DriftReport) -> str:
    known = _of(report, "statistics")
    return f"<h2>How images look</h2>{svg.shifts(known)}" if known else ""


def _classes(report: DriftReport) -> str:
    known = sorted(_of(report, "labels"), key=lambda each: each.name)
    return f"<h2>What the model says</h2>{svg.shares(known[:_SHOWN])}" if known else ""


def _of(report: DriftReport, detector: str) -> list[Finding]:
    if report.mode == "sequential":
        return []
    return [each for each in report.findings if each.detector == detector]


def _findings(report: DriftReport) -> str:
    if not report.findings:
        return ""
    rows = [
        (
            "moved" if each.moved else "",
            [
                each.name,
                each.detector,
                _number(each.reference),
                _number(each.observed),
                _number(each.shift),
                _probability(each.corrected),
                "moved" if each.moved else "",
            ],
        )
        for each in report.findings[:_SHOWN]
    ]
    heads = ("What", "Detector", "Baseline", "Window", "Shift", "Corrected p", "")
    more = len(report.findings) - len(rows)
    note = f'<p class="note">{more} more are in the JSON.</p>' if more > 0 else ""
    return f"<h2>Every comparison</h2>{_table(heads, rows, numbers=range(2, 6))}{note}"


def _performance(estimate: AccuracyEstimate | None, performance: Sequence[PerformancePoint]) -> str:
    parts = []
    if estimate is not None:
        trust = "" if estimate.trusted else " The window drifted, so do not rely on it."
        parts.append(
            f"<p>By its confidence the model is right in {estimate.accuracy:.1%} of its answers "
            f"({estimate.low:.1%} to {estimate.high:.1%}); in the baseline it was in "
            f"{estimate.reference:.1%}.{trust}</p>"
        )
    if performance:
        parts.append(svg.accuracy(performance))
        newest = performance[-1]
        rows = [
            (
                "",
                [
                    name,
                    _share(each.precision, each.precision_interval),
                    _share(each.recall, each.recall_interval),
                    f"{each.images:,}",
                ],
            )
            for name, each in newest.classes.items()
        ]
        heads = ("Class", "Precision", "Recall", "Truths")
        parts.append(_table(heads, rows, numbers=range(1, 4)) if rows else "")
    return f"<h2>How well it does</h2>{''.join(parts)}" if parts else ""


def _examples(report: DriftReport) -> str:
    if not report.examples:
        return ""
    rows = []
    for each in report.examples:
        most = sorted(each.statistics.items(), key=lambda item: -abs(item[1]))[:3]
        away = ", ".join(f"{name} {value:+.1f}" for name, value in most)
        when = f"{each.time:%Y-%m-%d %H:%M:%S}" if each.time else ""
        cells = [when, each.label, f"{each.probability:.2f}", f"{each.usual:.1%}", away]
        rows.append(("", cells))
    heads = ("Answer of", "Said", "Probability", "Nearer are", "Farthest from usual, in deviations")
    return (
        "<h2>The answers farthest from every known class</h2>"
        f"{_table(heads, rows, numbers=range(2, 4))}"
        '<p class="note">Images are not kept: these are the numbers that were told of them.</p>'
    )


def _window(report: DriftReport) -> str:
    facts = report.window
    left = {
        "repeated": facts.repeated,
        "unreadable": facts.unreadable,
        "of a time to come": facts.ahead,
        "of another time": facts.outside,
        **{f"without {name}": count for name, count in facts.absent.items()},
        **{f"infinite or NaN, {name}": count for name, count in facts.not_finite.items()},
    }
    told = ", ".join(f"{count:,} {escape(what)}" for what, count in left.items() if count)
    latency = (
        f" Half of them took {facts.latency_p50_ms:.0f} ms, one of 100 more than "
        f"{facts.latency_p99_ms:.0f} ms."
        if facts.latency_p50_ms is not None and facts.latency_p99_ms is not None
        else ""
    )
    return (
        f"<h2>The window</h2><p>{facts.samples:,} answers were looked at.{latency} "
        f"Gaps and what was left out: {told or 'none'}.</p>"
    )


def _baseline(report: DriftReport) -> str:
    facts = report.baseline
    if facts is None:
        return ""
    sizes = sorted({each.samples for each in facts.power})
    found: dict[str, dict[int, float]] = {}
    for each in facts.power:
        found.setdefault(each.shift, {})[each.samples] = each.detected
    rows = [
        ("", [shift, *(f"{seen.get(size, 0):.0%}" for size in sizes)])
        for shift, seen in found.items()
    ]
    heads = ("Windows that are told", *(f"of {size:,} answers" for size in sizes))
    table = _table(heads, rows, numbers=range(1, len(heads))) if rows else ""
    return (
        f"<h2>The baseline</h2><p>{facts.samples:,} answers of {escape(facts.model_version)}, made "
        f"{facts.made:%d %B %Y, %H:%M}.</p>{table}"
    )


def _table(heads: Iterable[str], rows: Sequence[tuple[str, list[str]]], *, numbers: range) -> str:
    def cell(tag: str, place: int, words: str) -> str:
        kind = ' class="number"' if place in numbers else ""
        return f"<{tag}{kind}>{escape(words)}</{tag}>"

    head = "".join(cell("th", place, words) for place, words in enumerate(heads))
    body = "".join(
        f'<tr class="{kind}">{"".join(cell("td", k, words) for k, words in enumerate(cells))}</tr>'
        for kind, cells in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _probability(value: float) -> str:
    return "< 1e-12" if value < 1e-12 else f"{value:.2g}"


def _share(value: float | None, interval: tuple[float, float]) -> str:
    low, high = interval
    return "" if value is None else f"{value:.1%} ({low:.1%} to {high:.1%})"
