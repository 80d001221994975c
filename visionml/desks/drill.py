"""Drills: a version goes to production under traffic, and everything that happens is kept.

Three models are bad on purpose. Each passes the gates, since the gates ask what the holdout knows,
and each has to be stopped by another guard of the rollout:

- ``mislabelled`` learnt from images of which each bears the label of another digit;
- ``slow`` and ``brittle`` learnt from dim scans and are upset by the bright ones of production.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from visionml.aws import executions
from visionml.aws.alarm_history import ringing, times
from visionml.aws.mailbox import EVENT_RESOLUTION, Mailbox, Message, mailbox
from visionml.aws.packages import Packages
from visionml.contracts.deployment import DeploymentOutcome
from visionml.contracts.events import DEPLOYMENT_ENDED, DEPLOYMENT_SOURCE
from visionml.contracts.lineage import deployment_node, model_node
from visionml.dataset.samples import write_digits
from visionml.desks.datasets import Dataset, Datasets, Sample
from visionml.desks.models import Models
from visionml.desks.platform import Platform
from visionml.desks.runs import Runs, TrainingRun
from visionml.desks.steps import told
from visionml.desks.traffic import Flow, Traffic
from visionml.desks.watched import Watched
from visionml.errors import Conflict, JobFailed

Fault = Literal["mislabelled", "slow", "brittle"]

_SHIFTED_DIGITS = range(5)
_DIM, _DIM_DIGITS = 0.25, (0, 1)
_FEW = {"epochs": 6, "batch_size": 16}
_SLOWER = 1.25
"""How much longer than the alarm allows the slow model computes."""
_PERIODS_TO_RING = 6
"""Periods of an alarm that a bad model is given to set it off; it ends the baking."""
_LONGEST_SECONDS = 900.0
_QUIET_SECONDS = 600.0
_LOOK_SECONDS = 0.5
_MESSAGE_SECONDS = 60.0
_SETTLED_ANSWERS = 10
_ANOTHER_SEED = 1
_MODEL_FAILED = "failed with status 500|no answer within"
"""What a container says whose model raised an error, or was too slow for the container itself."""


@dataclass(frozen=True)
class BadModel:
    """How a bad model is made, and the alarm that has to stop it."""

    dataset: str
    architecture: str
    alarm: str
    hyperparameters: Mapping[str, Any]


BAD_MODELS: dict[Fault, BadModel] = {
    "mislabelled": BadModel("drill-mislabelled", "small-cnn", "rollback-probes", {"epochs": 8}),
    "slow": BadModel("drill-dim", "drill_models:SLOW", "rollback-latency-a", _FEW),
    "brittle": BadModel("drill-dim", "drill_models:BRITTLE", "rollback-errors-a", _FEW),
}


class Drill:
    """Deployments under traffic, of good models and of bad ones."""

    def __init__(
        self,
        platform: Platform,
        *,
        datasets: Datasets,
        runs: Runs,
        models: Models,
        traffic: Traffic,
    ) -> None:
        self._platform = platform
        self._datasets = datasets
        self._runs = runs
        self._models = models
        self._traffic = traffic

    def train(self, faults: Iterable[Fault] = tuple(BAD_MODELS)) -> dict[Fault, str]:
        """Train bad models, side by side, and return their versions; those there are are kept.

        Raises
        ------
        GateFailed
            One was too bad even for the gates.
        """
        found: dict[Fault, str] = {}
        started: dict[Fault, TrainingRun] = {}
        for fault in faults:
            bad = BAD_MODELS[fault]
            dataset = self._dataset(bad.dataset)
            known = self._known(bad, dataset)
            if known:
                found[fault] = known
                continue
            started[fault] = self._runs.start(
                dataset.name,
                dataset.version,
                architecture=bad.architecture,
                **self._hyperparameters(fault),
            )
        for fault, run in started.items():
            run.watch(on_step=lambda _step: None)
            found[fault] = run.run_id
            self._platform.say(f"{fault}: {run.run_id} has passed the gates.")
        return found

    def challenger(self, dataset: str) -> str:
        """Return the newest registered version of a dataset that does not serve.

        Where there is none, one is trained.

        Raises
        ------
        NotFound
            There is no such dataset.
        GateFailed
            The new one does not pass the gates.
        """
        active = self._models.active()
        for record in self._platform.versions.registered():
            if record.dataset == dataset and record.version != active:
                return record.version
        version = self._datasets.open(dataset).version
        run = self._runs.start(dataset, version, seed=_ANOTHER_SEED)
        run.watch(on_step=lambda _step: None)
        return run.run_id

    def rehearse(
        self, fault: Fault, version: str, samples: Sequence[Sample], *, rate: float = 10
    ) -> Watched:
        """Force a bad version through: approve it, promote it under traffic, and reject it again.

        Raises
        ------
        Unavailable
            The traffic did not come back to one version, or no event told the end.
        """
        packages = Packages(self._platform.aws.sagemaker)
        arn = self._models.open(version).model_package_arn
        packages.approve(arn, "Approved", comment=f"A drill: {fault}.")
        try:
            return self.promote(version, samples, rate=rate, bake_seconds=self._time_to_ring())
        finally:
            packages.approve(arn, "Rejected", comment=f"A drill's model: {fault}.")

    def promote(
        self,
        version: str,
        samples: Sequence[Sample],
        *,
        rate: float = 10,
        bake_seconds: int | None = None,
    ) -> Watched:
        """Promote a version under traffic."""
        tell = told(self._platform.say)
        return self.watch(
            lambda: self._models.promote(version, bake_seconds=bake_seconds, on_step=tell),
            samples,
            rate=rate,
        )

    def set_active(self, version: str, samples: Sequence[Sample], *, rate: float = 10) -> Watched:
        """Write a version into ``active-version`` under traffic, as a person in the console may."""
        name = self._platform.names.active_version_parameter
        parameters = self._platform.aws.parameters
        return self.watch(
            lambda: parameters.put_parameter(Name=name, Value=version, Overwrite=True),
            samples,
            rate=rate,
        )

    def watch(
        self, action: Callable[[], object], samples: Sequence[Sample], *, rate: float = 10
    ) -> Watched:
        """Let traffic flow, do something that ends in a deployment, and return what happened.

        Raises
        ------
        Conflict
            An alarm rings already and does not stop.
        Unavailable
            The traffic did not come back to one version, or no event told the end.
        """
        platform, names = self._platform, self._platform.names
        self.quiet()
        before = self._models.active()
        with (
            mailbox(
                platform.aws, names.name("drill"), topic=names.alarm_topic, source=DEPLOYMENT_SOURCE
            ) as box,
            self._traffic.flow(samples, rate=rate, at_most_seconds=_LONGEST_SECONDS) as flow,
        ):
            flow.wait(lambda all_: len(all_) >= rate, seconds=_MESSAGE_SECONDS)
            asked = datetime.now(UTC)
            try:
                action()
            except JobFailed as failure:
                platform.say(failure.message)
            outcome, ended = _outcome(box)
            if outcome.active_version:
                flow.answers_of(
                    outcome.active_version,
                    count=_SETTLED_ANSWERS,
                    since=ended + EVENT_RESOLUTION,
                    seconds=_MESSAGE_SECONDS,
                )
            box.wait(
                lambda all_: any(_told_of(outcome, each) for each in all_),
                seconds=_MESSAGE_SECONDS,
            )
        return self._watched(outcome, flow, box, before=before, asked=asked)

    def quiet(self) -> None:
        """Wait until no alarm rings that would stop a rollout before it begins.

        Raises
        ------
        Conflict
            One goes on ringing.
        """
        platform, give_up = self._platform, time.monotonic() + _QUIET_SECONDS
        alarms = platform.names.rollback_alarms()
        while ringing_now := ringing(platform.aws.cloudwatch, alarms):
            if time.monotonic() > give_up:
                raise Conflict(
                    f"{', '.join(ringing_now)} went on ringing for {_QUIET_SECONDS:.0f} seconds.",
                    hint="Look at the endpoint: `session.alarms.states()`.",
                )
            time.sleep(_LOOK_SECONDS)

    def verdict(self, fault: Fault, watched: Watched) -> pd.DataFrame:
        """Return what a drill has to show, and whether it did."""
        alarm, outcome = BAD_MODELS[fault].alarm, watched.outcome
        deployment = self._platform.lineage.find(deployment_node(outcome.deployment_id))
        edges = self._platform.lineage.edges(model_node(outcome.model_version))
        late = watched.since_the_end()
        errors = watched.requests["error"][watched.requests["error"] != ""]
        claims = {
            f"the alarm {alarm} rang": alarm in watched.rang,
            "the outcome is rolled_back": outcome.outcome == "rolled_back",
            "all traffic is back": len(late) > 0 and (late["version"] == watched.before).all(),
            "only the bad model itself failed": errors.str.contains(_MODEL_FAILED).all(),
            "active-version names the good version": self._models.active() == watched.before,
            "the event says so": _heard(watched, "event"),
            "a notification went out": _heard(watched, "notification"),
            "the lineage says so": deployment is not None
            and deployment.status == "rolled_back"
            and any(edge.target == deployment.id for edge in edges),
        }
        return pd.DataFrame(
            [{"claim": claim, "held": bool(held)} for claim, held in claims.items()]
        ).set_index("claim")

    def _hyperparameters(self, fault: Fault) -> dict[str, Any]:
        chosen = dict(BAD_MODELS[fault].hyperparameters)
        if fault == "slow":
            chosen["seconds"] = _SLOWER * self._platform.settings.alarms.latency_p99_ms / 1000
        return chosen

    def _time_to_ring(self) -> int:
        settings = self._platform.settings
        periods = _PERIODS_TO_RING * settings.alarms.rollback_period_seconds
        return settings.serving.rollout.bake_seconds + periods

    def _dataset(self, name: str) -> Dataset:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            if name == "drill-dim":
                write_digits(folder, digits=_DIM_DIGITS, brightness=_DIM)
            else:
                write_digits(folder, digits=_SHIFTED_DIGITS)
                _shift_labels(folder)
            return self._datasets.import_source(folder, name=name)

    def _known(self, bad: BadModel, dataset: Dataset) -> str | None:
        runs = self._runs.table()
        same = (
            (runs["status"] == "registered")
            & (runs["dataset"] == dataset.name)
            & (runs["dataset version"] == dataset.version)
            & (runs["architecture"] == bad.architecture)
        )
        return str(runs.index[same][0]) if same.any() else None

    def _watched(
        self,
        outcome: DeploymentOutcome,
        flow: Flow,
        box: Mailbox,
        *,
        before: str | None,
        asked: datetime,
    ) -> Watched:
        platform = self._platform
        machine = platform.machine(platform.names.deployment_machine)
        execution = executions.arn_of(machine, outcome.deployment_id)
        ending = f"-{platform.names.environment}-{platform.names.region}"
        beginning = f"{platform.names.prefix}-"
        return Watched(
            outcome,
            before=before,
            asked=asked,
            requests=flow.table(),
            ringing={
                alarm.removeprefix(beginning).removesuffix(ending): list(
                    times(platform.aws.cloudwatch, alarm, since=asked)
                )
                for alarm in platform.names.rollback_alarms()
            },
            steps=executions.visits(platform.aws.states, execution),
            messages=box.messages,
        )


def _shift_labels(folder: Path) -> None:
    """Call every digit the next one."""
    for label in _SHIFTED_DIGITS:
        (folder / str(label)).rename(folder / f"was-{label}")
    for label in _SHIFTED_DIGITS:
        (folder / f"was-{label}").rename(folder / str((label + 1) % len(_SHIFTED_DIGITS)))


def _outcome(box: Mailbox) -> tuple[DeploymentOutcome, datetime]:
    """Wait for the event that tells the end of a deployment; return that and when it was sent."""
    ends = (DEPLOYMENT_ENDED,)
    box.wait(
        lambda all_: any(each.origin == "event" and each.title in ends for each in all_),
        seconds=_LONGEST_SECONDS,
    )
    told = next(each for each in box.messages if each.origin == "event" and each.title in ends)
    return DeploymentOutcome.model_validate(told.body), told.sent


def _told_of(outcome: DeploymentOutcome, message: Message) -> bool:
    said = message.body if isinstance(message.body, str) else json.dumps(message.body)
    return message.origin == "notification" and outcome.deployment_id in message.title + said


def _heard(watched: Watched, origin: str) -> bool:
    outcome = watched.outcome
    if origin == "notification":
        return any(_told_of(outcome, message) for message in watched.messages)
    return any(
        message.origin == "event" and message.body.get("outcome") == "rolled_back"
        for message in watched.messages
        if message.title == DEPLOYMENT_ENDED
    )
