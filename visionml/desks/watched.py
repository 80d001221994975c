"""What happened while the endpoint changed under traffic: answers, alarms, steps, messages."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import pandas as pd

from visionml.aws.alarm_history import Ringing
from visionml.aws.executions import Visit
from visionml.aws.mailbox import EVENT_RESOLUTION, Message
from visionml.contracts.deployment import DeploymentOutcome
from visionml.contracts.names import VARIANT_B
from visionml.plots import rollout
from visionml.plots.picture import Picture

_LEAST_SECONDS = 0.05


class Moments(NamedTuple):
    """The moments of a deployment that people ask for; None where there was none."""

    asked: datetime
    """Somebody asked for the version."""
    reached: datetime | None
    """The first request that the new version answered was sent."""
    alarm: datetime | None
    """The first alarm began to ring."""
    settled: datetime | None
    """From here on one version answered every request, without a failure."""
    ended: datetime
    """The platform said what the deployment came to."""


class Watched:
    """One deployment under traffic, as it was seen from outside."""

    def __init__(
        self,
        outcome: DeploymentOutcome,
        *,
        before: str | None,
        asked: datetime,
        requests: pd.DataFrame,
        ringing: Mapping[str, Sequence[Ringing]],
        steps: Iterable[Visit],
        messages: Sequence[Message],
    ) -> None:
        self.outcome = outcome
        self.before = before
        """The version in production when it began."""
        self.requests = requests
        """A row per request: see `visionml.desks.traffic.Request`."""
        self.messages = messages
        self._ringing = ringing
        self._steps = list(steps)
        self._asked = asked

    def __repr__(self) -> str:
        return f"<Watched {self.outcome.deployment_id}: {self.outcome.outcome}>"

    @property
    def rang(self) -> list[str]:
        """The alarms that rang, in order."""
        first = {alarm: all_[0].began for alarm, all_ in self._ringing.items() if all_}
        return sorted(first, key=lambda alarm: first[alarm])

    @property
    def failed(self) -> int:
        """How many requests got no answer."""
        return int((self.requests["error"] != "").sum())

    @property
    def moments(self) -> Moments:
        """When what happened."""
        began = [each.began for ringing in self._ringing.values() for each in ringing]
        new = self.requests[self.requests["version"] == self.outcome.model_version]
        return Moments(
            asked=self._asked,
            reached=new["sent"].min() if len(new) else None,
            alarm=min(began, default=None),
            settled=self._settled(),
            ended=next(m.sent for m in self.messages if m.origin == "event"),
        )

    def _settled(self) -> datetime | None:
        table = self.requests
        if table.empty or not (last := table["version"].iloc[-1]):
            return None
        others = table.index[(table["version"] != last) | (table["error"] != "")]
        if others.empty:
            return None
        settled: datetime = table["sent"].loc[others[-1] + 1]
        return settled

    def seconds_to_settle(self) -> float:
        """Return the seconds from the decision until one version answered everything.

        The decision is the first alarm, or the request for the deployment where none rang.
        """
        moments = self.moments
        if moments.settled is None:
            return 0.0
        return max(0.0, (moments.settled - (moments.alarm or moments.asked)).total_seconds())

    def exposed_seconds(self) -> float:
        """Return how long requests went to another version than before and to another than after.

        For a version that was taken back these are the seconds that it had traffic; for one that
        was promoted, those that the traffic took to follow.
        """
        settled = self.moments.settled
        moved = self.requests[self.requests["version"] != self.before]
        if settled is None or moved.empty:
            return 0.0
        return float((settled - moved["sent"].min()).total_seconds())

    def since_the_end(self) -> pd.DataFrame:
        """Return the requests that were sent after the deployment had ended."""
        surely = self.moments.ended + EVENT_RESOLUTION
        return self.requests[self.requests["sent"] >= surely]

    def answers(self) -> pd.DataFrame:
        """Return for each version its answers, the share that is right, and its latencies."""
        answered = self.requests[self.requests["error"] == ""]
        grouped = answered.groupby("version", sort=False)
        latency = grouped["latency_ms"]
        return pd.DataFrame(
            {
                "answers": grouped.size(),
                "right": grouped["right"].mean().round(3),
                "median ms": latency.median().round(1),
                "p99 ms": latency.quantile(0.99).round(1),
            }
        )

    def times(self) -> pd.DataFrame:
        """Return the machine's steps that took time: when each first began, and its seconds in all.

        A step that the machine repeats while it waits has one row.
        """
        first: dict[str, datetime] = {}
        took: dict[str, float] = {}
        for visit in self._steps:
            first.setdefault(visit.name, visit.entered)
            seconds = (visit.left - visit.entered).total_seconds() if visit.left else 0.0
            took[visit.name] = took.get(visit.name, 0.0) + seconds
        rows = [
            (name, round((began - self._asked).total_seconds(), 1), round(took[name], 1))
            for name, began in first.items()
            if took[name] >= _LEAST_SECONDS
        ]
        columns = pd.Index(["step", "after", "took"])
        return pd.DataFrame(rows, columns=columns).set_index("step")

    def alarms(self) -> pd.DataFrame:
        """Return when alarms rang: a row per time, and one without times for a quiet alarm.

        Quiet alarms of a variant that is not there are left out.
        """
        last = self.requests["sent"].max()
        rows: list[tuple[str, object, object]] = []
        for alarm, ringing in self._ringing.items():
            if (
                alarm.endswith("-b")
                and not ringing
                and not (self.requests["variant"] == VARIANT_B).any()
            ):
                continue
            rows += [(alarm, each.began, each.ended or last) for each in ringing]
            rows += [] if ringing else [(alarm, pd.NaT, pd.NaT)]
        return pd.DataFrame(rows, columns=pd.Index(["alarm", "began", "ended"]))

    def timeline(self, names: Mapping[str, str] | None = None) -> Picture:
        """Draw it; `names` is what to call versions."""
        moments = self.moments
        told = {
            "asked for": moments.asked,
            "first answer": moments.reached,
            "alarm": moments.alarm,
            "settled": moments.settled,
            self.outcome.outcome.replace("_", " "): moments.ended,
        }
        return rollout.timeline(
            self.requests,
            alarms=self.alarms(),
            marks={what: at for what, at in told.items() if at is not None},
            names=names,
        )


def outcomes(seen: Sequence[Watched], names: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return what deployments came to, a row each; see `Watched.exposed_seconds`."""
    rows = []
    for each in seen:
        moments, version = each.moments, each.outcome.model_version
        after = (moments.alarm - moments.asked).total_seconds() if moments.alarm else None
        answered = each.requests[each.requests["error"] == ""]
        rows.append(
            {
                "version": (names or {}).get(version, version),
                "outcome": each.outcome.outcome,
                "alarm": ", ".join(each.rang) or "none",
                "alarm after s": None if after is None else round(after, 1),
                "exposed s": round(each.exposed_seconds(), 1),
                "whole s": round((moments.ended - moments.asked).total_seconds(), 1),
                "requests": len(each.requests),
                "failed": each.failed,
                "wrong labels": int((~answered["right"]).sum()),
            }
        )
    return pd.DataFrame(rows).set_index("version")
