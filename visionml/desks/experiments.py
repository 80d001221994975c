"""Two variants under real traffic: compared, and traffic shared by what is known of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

import pandas as pd

from visionml.aws import endpoint, variant_metrics
from visionml.aws.s3 import parse_uri
from visionml.aws.table import Table
from visionml.contracts.experiments import CALLER_HEADER
from visionml.contracts.inference import Prediction
from visionml.contracts.layout import run_of
from visionml.contracts.names import VARIANT_A, VARIANT_B
from visionml.desks.api import Api
from visionml.desks.card import Card
from visionml.desks.datasets import Sample
from visionml.desks.endpoint import Endpoint
from visionml.desks.platform import Platform
from visionml.desks.predictions import Predictions
from visionml.errors import Conflict
from visionml.experiments.comparison import Arm, Comparison, judge
from visionml.experiments.policies import FLOOR, Fixed, Policy, floored, named
from visionml.experiments.shares import Trials
from visionml.experiments.simulation import Simulation, simulate
from visionml.serving.statuses import error_of
from visionml.serving.truths import Truths

_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Compared(Comparison):
    """A comparison of what the endpoint's two variants have done since a moment."""

    since: datetime
    table: pd.DataFrame
    """A row for each variant: what it served, how it did."""

    def describe(self) -> Card:
        """Return the comparison, to be looked at."""
        return Card(
            f"{self.b.variant} against {self.a.variant}",
            {
                "since": f"{self.since:%Y-%m-%d %H:%M} UTC",
                "what it says": self.sentence,
                "mind": self.caution,
            },
        )


class Experiments:
    """Comparisons of ModelA with ModelB on the production endpoint."""

    def __init__(
        self, platform: Platform, *, endpoint: Endpoint, api: Api, predictions: Predictions
    ) -> None:
        self._platform = platform
        self._endpoint, self._api, self._predictions = endpoint, api, predictions

    def table(self, *, hours: float | None = None) -> pd.DataFrame:
        """Return what each variant served and how it did; latencies are of its container.

        All since the endpoint's configuration was made, or of the last `hours` if that is less.
        Labels are counted by the hour in which their answers were given.
        """
        return self._table(self._since(hours))

    def compare(self, *, hours: float | None = None) -> Compared:
        """Say which variant is better, how sure that is, and how many more labels it takes.

        Raises
        ------
        Conflict
            The endpoint does not serve two variants.
        """
        since = self._since(hours)
        table = self._table(since)
        a, b = _two(table)
        return Compared(**vars(judge(a, b)), since=since, table=table)

    def suggest(
        self, policy: str | Policy = "thompson", *, floor: float = FLOOR, hours: float | None = None
    ) -> dict[str, float]:
        """Return the traffic that a bandit policy would give, as `Endpoint.set_traffic` takes it.

        `policy` is ``epsilon-greedy``, ``ucb1``, ``thompson`` or one of your own. No variant gets
        less than a share `floor`.

        Raises
        ------
        InvalidInput
            There is no such policy, or the floor is too high.
        Conflict
            The endpoint does not serve two variants.
        """
        chosen = named(policy) if isinstance(policy, str) else policy
        arms = _two(self._table(self._since(hours)))
        shares = floored(chosen.shares([arm.right for arm in arms]), floor)
        return {arm.variant: round(100 * share, 2) for arm, share in zip(arms, shares, strict=True)}

    def simulate(
        self,
        rates: Sequence[float] | None = None,
        *,
        requests: int = 20_000,
        floor: float = 0.0,
        runs: int = 20,
    ) -> list[Simulation]:
        """Return what the fixed split and each bandit policy would have cost.

        `rates` are the variants' accuracies; without them, those seen so far.
        """
        seen = rates or [arm.right.share for arm in _two(self._table(self._since(None)))]
        share = self._platform.settings.serving.traffic_model_a
        policies: list[Policy] = [
            Fixed((share, 1 - share)),
            *(named(name) for name in ("epsilon-greedy", "ucb1", "thompson")),
        ]
        return [
            simulate(policy, seen, requests=requests, floor=floor, runs=runs) for policy in policies
        ]

    def shares(self, *, minutes: int = 60) -> pd.DataFrame:
        """Return how many requests each variant answered in each of the last minutes."""
        variants = [variant.name for variant in self._endpoint.state().variants]
        counts = {
            name: self._endpoint.metrics(minutes=minutes, variant=name)["invocations"]
            for name in variants
        }
        return pd.DataFrame(counts).fillna(0).sort_index()

    def rehearse(self, samples: Iterable[Sample], *, callers: int = 40) -> pd.DataFrame:
        """Send images whose labels are known, as so many callers in turn, and tell their truth.

        Returns a row per image: caller, variant, prediction id, label, what was predicted.
        """
        names = cycle(f"caller-{number}" for number in range(callers))
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="callers") as pool:
            rows = pd.DataFrame(list(pool.map(self._ask, samples, names)))
            # an answer is known some seconds after it was given
            list(pool.map(self._predictions.label, rows["prediction_id"], rows["label"]))
        return rows

    def _ask(self, sample: Sample, caller: str) -> dict[str, object]:
        answer = self._api.ask(
            sample.content, content_type="application/x-image", headers={CALLER_HEADER: caller}
        )
        if answer.status != 200:
            raise error_of(answer.status, json.dumps(answer.body))
        found = Prediction.model_validate(answer.body)
        return {
            "caller": caller,
            "variant": found.variant,
            "prediction_id": found.prediction_id,
            "label": sample.entry.label,
            "predicted": found.label,
            "right": found.label == sample.entry.label,
        }

    def _since(self, hours: float | None) -> datetime:
        made = endpoint.configured(self._platform.aws.sagemaker, self._endpoint.state().config_name)
        if hours is None:
            return made
        return max(made, datetime.now(UTC) - timedelta(hours=hours))

    def _table(self, since: datetime) -> pd.DataFrame:
        state, until = self._endpoint.state(), datetime.now(UTC)
        versions = self._versions(state.config_name)
        counted = self._counted(since, until)
        rows = []
        for variant in state.variants:
            figures = variant_metrics.read(
                self._platform.aws.cloudwatch, state.name, variant.name, since=since, until=until
            )
            version = versions.get(variant.name, "")
            right = counted.get((variant.name, version), Trials(0, 0))
            rows.append(
                {
                    "variant": variant.name,
                    "version": version,
                    "invocations": figures.invocations,
                    "failed": figures.failed,
                    "latency p50 ms": figures.latency_p50_ms,
                    "latency p99 ms": figures.latency_p99_ms,
                    "labelled": right.trials,
                    "right": right.successes,
                    "accuracy": right.share,
                }
            )
        return pd.DataFrame(rows).set_index("variant")

    def _counted(self, since: datetime, until: datetime) -> Mapping[tuple[str, str], Trials]:
        platform = self._platform
        truths = Truths(
            Table(platform.aws.dynamodb, platform.names.predictions_table),
            days=platform.settings.retention.results_days,
        )
        found: dict[tuple[str, str], Trials] = {}
        for count in truths.counts(since=since, until=until):
            key = (count.variant, count.model_version)
            before = found.get(key, Trials(0, 0))
            found[key] = Trials(before.successes + count.right, before.trials + count.labelled)
        return found

    def _versions(self, config_name: str) -> dict[str, str]:
        found = endpoint.artefacts(self._platform.aws.sagemaker, config_name)
        return {
            variant: run_of(parse_uri(artefact).key) or ""
            for variant, artefact in found.items()
            if artefact
        }


def _two(table: pd.DataFrame) -> tuple[Arm, Arm]:
    missing = [name for name in (VARIANT_A, VARIANT_B) if name not in table.index]
    if missing:
        raise Conflict(
            f"The endpoint serves no {' and no '.join(missing)}, so there is nothing to compare.",
            hint="Deploy a challenger: `session.models.promote(version, challenger=other)`.",
        )
    rows = table.to_dict("index")
    a, b = (_arm(name, rows[name]) for name in (VARIANT_A, VARIANT_B))
    return a, b


def _arm(name: str, row: Mapping[Any, Any]) -> Arm:
    return Arm(
        variant=name,
        version=str(row["version"]),
        right=Trials(int(row["right"]), int(row["labelled"])),
        failed=Trials(int(row["failed"]), int(row["invocations"])),
    )
