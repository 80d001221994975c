"""Drift of the answers in production: looks at them, reports, baselines."""

import json
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyvips
from numpy.typing import NDArray

from visionml.aws.functions import call
from visionml.contracts.inference import ATTEMPT_HEADER
from visionml.contracts.monitoring import DriftReport
from visionml.contracts.watching import BaselineMade, WatchOrder, WatchSummary
from visionml.dataset.samples import cuttings
from visionml.desks.api import Api
from visionml.desks.card import Card
from visionml.desks.platform import Platform
from visionml.errors import NotFound, Unavailable
from visionml.monitoring.baseline import Baseline
from visionml.monitoring.baselines import Baselines
from visionml.monitoring.making import opened
from visionml.monitoring.persistence import persistence
from visionml.monitoring.reference import Part, shards
from visionml.monitoring.reports import Reports
from visionml.monitoring.week import Week, week
from visionml.serving.statuses import error_of

_COLUMNS = [
    *("time", "variant", "version", "state", "samples", "score", "threshold", "moved", "reason"),
]
_FRAME = "width: 100%; height: 60rem; border: 0"
_AT_ONCE = 4
_PAUSE_SECONDS = 1.0
_DELIVERY_SECONDS = 300.0
"""How much longer events may be on their way than Firehose gathers them."""


class Report:
    """One report, which a notebook shows as its page."""

    def __init__(self, report: DriftReport, page: str) -> None:
        self.record, self.page = report, page

    def __repr__(self) -> str:
        return repr(self.describe())

    def _repr_html_(self) -> str:
        """Return the page in a frame: its style is its own, and it runs nothing."""
        page = escape(self.page, quote=True)
        return f'<iframe sandbox srcdoc="{page}" title="Drift report" style="{_FRAME}"></iframe>'

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

    def __init__(self, platform: Platform, *, api: Api) -> None:
        self._platform, self._api = platform, api

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

    def ask(self, images: Sequence[bytes], *, looks: int = 1) -> list[WatchSummary]:
        """Send images to the API and look at the answers, once their events have come.

        Each further look is for a minute later, as if nothing else had been asked meanwhile.

        Raises
        ------
        Unavailable
            The events have not come in time.
        """
        begin = datetime.now(UTC)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="images") as pool:
            list(pool.map(self._answered, images))
        end = datetime.now(UTC) + timedelta(seconds=1)
        patience = self._platform.settings.analytics.buffer_seconds + _DELIVERY_SECONDS
        give_up = time.monotonic() + patience
        while _answers(found := self.look(begin, end)) < len(images):
            if time.monotonic() > give_up:
                raise Unavailable(
                    f"Of {len(images)} answers {_answers(found)} are known.",
                    hint="Look at the alarms delivery-freshness and delivery-failures.",
                )
            time.sleep(_PAUSE_SECONDS)
        later = (end + number * timedelta(minutes=1) for number in range(1, looks))
        return [found, *(self.look(begin, moment) for moment in later)]

    def _answered(self, image: bytes) -> None:
        """Have an image answered, even if its answer is in the API's cache: that makes no event."""
        headers = {ATTEMPT_HEADER: uuid.uuid4().hex}
        answer = self._api.ask(image, content_type="application/x-image", headers=headers)
        if answer.status != 200:
            raise error_of(answer.status, json.dumps(answer.body))

    def week(self, *, seed: int = 0) -> Week:
        """Return a week of reports on images of the production model's own data, shifted.

        Nothing is sent or written: model and reports are those of this process.
        """
        platform, version = self._platform, self._active()
        record = platform.versions.read(version)
        with tempfile.TemporaryDirectory() as folder:
            model = opened(platform.objects, record, Path(folder))
        size = model.record.input
        parts = list(
            shards(
                platform.objects,
                platform.bucket("datasets"),
                dataset=record.dataset,
                version=record.dataset_version,
                size=size.height,
                most=platform.settings.drift.baseline_images,
            )
        )
        pool = Part(
            np.concatenate([part.pixels for part in parts]),
            [row for part in parts for row in part.rows],
        )
        return week(
            model,
            self.baseline(version),
            pool,
            strangers=_like(pool, cuttings(height=size.height, width=size.width)),
            settings=platform.settings.drift,
            seed=seed,
        )

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


def watched(found: WatchSummary) -> pd.DataFrame:
    """Return a row for each version and variant that was looked at."""
    return _told([each.model_dump(exclude={"report"}) for each in found.watched])


def shifts(of: Week) -> pd.DataFrame:
    """Return a row for each shift of a week: when it was seen, and what had moved."""
    return _told([vars(each) for each in of.seen]).set_index("shift")


def _told(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame([{**row, "moved": ", ".join(row["moved"])} for row in rows])


def dusk(content: bytes) -> bytes:
    """Return a picture as a lens out of focus sees it in the evening, as PNG."""
    picture = pyvips.Image.new_from_buffer(content, "")
    dim = picture.gaussblur(0.7) * 0.6
    return bytes(dim.cast("uchar").write_to_buffer(".png"))


def _like(pool: Part, strangers: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the strangers in grey where all that is known is grey: colour would give them away."""
    coloured = (pool.pixels != pool.pixels[..., :1]).any()
    return strangers if coloured else strangers[..., 1:2].repeat(3, axis=3)


def _answers(found: WatchSummary) -> int:
    return sum(each.samples for each in found.watched)


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
