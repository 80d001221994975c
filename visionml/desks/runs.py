"""Training runs: start the training machine, watch it, read what it left."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import pandas as pd
from pydantic import JsonValue, ValidationError

from visionml.aws import executions
from visionml.aws.executions import Step
from visionml.contracts import layout
from visionml.contracts.evaluation import EvaluationReport, Verdict
from visionml.contracts.lineage import Node, run_node
from visionml.contracts.training import TrainingRequest, TuningRequest, new_run_id
from visionml.desks import jobs
from visionml.desks.card import Card
from visionml.desks.platform import Platform
from visionml.desks.steps import told
from visionml.errors import Conflict, GateFailed, InvalidInput, NotFound
from visionml.evaluation.gate import judge
from visionml.model import architectures
from visionml.registry import runs
from visionml.registry.register import read_report

STATUSES = ("started", "registered", "rejected", "failed")


class RunOutcome(Card):
    """How a run ended that trained and evaluated a model.

    ``status`` is ``registered``, or ``rejected`` by the gates; ``recommended`` says whether the
    model should replace the one that serves; ``reason`` is the verdict's sentence.
    """

    def __init__(self, run_id: str, *, status: str, recommended: bool, reason: str) -> None:
        told = {"status": status, "recommended": "yes" if recommended else "no", "reason": reason}
        super().__init__(run_id, told)
        self.status = status
        self.recommended = recommended
        self.reason = reason


class TrainingRun:
    """One training run; its id is the version of the model that it trains."""

    def __init__(self, platform: Platform, run_id: str, *, execution: str | None = None) -> None:
        self._platform = platform
        self.run_id = run_id
        self._execution = execution

    def __repr__(self) -> str:
        return f"<TrainingRun {self.run_id}>"

    @property
    def job(self) -> str:
        """The name of the SageMaker training job whose model is the run's."""
        node = self._node()
        candidate, trained = node.facts.get("candidate"), runs.steps_of(node).get("train")
        if isinstance(candidate, dict):
            return str(candidate["job"])
        return trained.job if trained else f"{self.run_id}-train"

    @property
    def tuning_job(self) -> str:
        """The name of the run's SageMaker tuning job: see ``session.tuning.open``.

        Raises
        ------
        NotFound
            The run tunes nothing, or not yet.
        """
        tuning = runs.steps_of(self._node()).get("tune")
        if tuning is None:
            raise NotFound(
                f"The run {self.run_id} has tuned nothing.", hint="Start one with `tuning=`."
            )
        return tuning.job

    def watch(
        self, *, on_step: Callable[[Step], None] | None = None, accept_rejection: bool = False
    ) -> RunOutcome:
        """Wait until the run has ended, telling its steps, and return what its record says.

        Raises
        ------
        GateFailed
            The model did not earn its registration, unless `accept_rejection`.
        JobFailed
            A step failed; the message says which and why.
        """
        platform = self._platform
        try:
            executions.watch(
                platform.aws.states,
                self._execution or str(self._facts()["execution"]),
                on_step=on_step or told(platform.say),
                interval_seconds=platform.settings.serving.poll_seconds,
            )
        except GateFailed:
            if not accept_rejection:
                raise
        node = self._node()
        return RunOutcome(
            self.run_id,
            status=node.status,
            recommended=node.facts.get("recommended") is True,
            reason=str(node.facts.get("reason", "")),
        )

    def history(self) -> pd.DataFrame:
        """Return the figures that the job logged, one row per epoch.

        Raises
        ------
        NotFound
            It has logged none.
        """
        return jobs.epochs(self._platform, self.job)

    def log(self) -> list[str]:
        """Return the lines of the training job's log."""
        return jobs.log(self._platform, self.job)

    def report(self) -> EvaluationReport:
        """Return the evaluation of the run's model on the holdout."""
        folder = self._platform.address("models", layout.run_evaluation(self.run_id))
        return read_report(self._platform.objects, f"{folder}/{layout.EVALUATION_REPORT}")

    def verdict(self) -> Verdict:
        """Return what the environment's gates say to the run's model."""
        return judge(self.report(), self._platform.settings.training.gates)

    def _facts(self) -> dict[str, JsonValue]:
        return self._node().facts

    def _node(self) -> Node:
        return self._platform.lineage.get(run_node(self.run_id))

    def figures(self) -> Card:
        """Return the evaluation's main figures with their 95 % intervals, to be looked at."""
        report = self.report()
        shares = {
            "accuracy": report.accuracy,
            "macro_precision": report.macro_precision,
            "macro_recall": report.macro_recall,
            "macro_f1": report.macro_f1,
        }
        return Card(
            f"{report.model_version} on {report.dataset}@{report.dataset_version}",
            {
                "holdout images": report.images,
                **{
                    name.replace("_", " ").replace("f1", "F1"): _share(report, name, value)
                    for name, value in shares.items()
                },
                "misread": report.images - round(report.accuracy * report.images),
            },
        )


class Runs:
    """The training runs of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def start(
        self,
        dataset: str,
        version: str,
        *,
        architecture: str = "small-cnn",
        image_size: int | None = None,
        run_id: str | None = None,
        tuning: TuningRequest | Mapping[str, Any] | None = None,
        mode: Literal["train", "tune", "both"] | None = None,
        **hyperparameters: object,
    ) -> TrainingRun:
        """Start a training run on a dataset version; further keywords are hyperparameters.

        Without `image_size` the model's input is as large as its architecture says.
        With `tuning` the run searches for hyperparameters and takes the best model it has found
        on the way, or, in the mode ``both``, trains once more with the best ones.

        Raises
        ------
        InvalidInput
            The request contradicts itself.
        NotFound
            There is no such dataset version, or the stacks are not deployed.
        """
        request = _request(
            run_id=run_id or new_run_id(),
            dataset=dataset,
            dataset_version=version,
            architecture=architecture,
            image_size=image_size or architectures.image_size(architecture),
            hyperparameters={name: str(value) for name, value in hyperparameters.items()},
            mode=mode or ("tune" if tuning else "train"),
            tuning=tuning,
        )
        return self._begin(request, name=request.run_id)

    def resume(self, run_id: str) -> TrainingRun:
        """Go on with a run that failed, after its last finished step.

        Raises
        ------
        Conflict
            It has ended otherwise.
        NotFound
            There was no such run.
        """
        node = self._platform.lineage.get(run_node(run_id))
        if node.status in {"registered", "rejected"}:
            raise Conflict(
                f"The run {run_id} has ended: it is {node.status}.",
                hint="Start again with a new run id.",
            )
        fields = TrainingRequest.model_fields
        request = _request(**{name: fact for name, fact in node.facts.items() if name in fields})
        attempt = int(str(node.facts.get("attempt", 1))) + 1
        return self._begin(request, name=f"{run_id}-{attempt}")

    def _begin(self, request: TrainingRequest, *, name: str) -> TrainingRun:
        platform = self._platform
        execution = executions.start(
            platform.aws.states,
            platform.machine(platform.names.training_machine),
            name=name,
            payload=request.model_dump(mode="json"),
        )
        return TrainingRun(platform, request.run_id, execution=execution)

    def open(self, run_id: str) -> TrainingRun:
        """Return a run by its id.

        Raises
        ------
        NotFound
            There was no such run.
        """
        self._platform.lineage.get(run_node(run_id))
        return TrainingRun(self._platform, run_id)

    def latest(self, status: str = "registered") -> TrainingRun:
        """Return the newest run of a status.

        Raises
        ------
        NotFound
            There is none.
        """
        known = self.table()
        of_status = known[known["status"] == status] if len(known) else known
        if not len(of_status):
            raise NotFound(
                f"No training run is {status}.", hint="Train a model first: `visionml train`."
            )
        return TrainingRun(self._platform, str(of_status.index[0]))

    def table(self) -> pd.DataFrame:
        """Return every run, the newest first."""
        nodes = [
            node
            for status in STATUSES
            for node in self._platform.lineage.with_status(status)
            if node.id.startswith(run_node(""))
        ]
        rows = [
            {
                "run": node.id.removeprefix(run_node("")),
                "status": node.status,
                "dataset": node.facts.get("dataset"),
                "dataset version": node.facts.get("dataset_version"),
                "architecture": node.facts.get("architecture"),
                "reason": node.facts.get("reason") or node.facts.get("cause") or "",
            }
            for node in nodes
        ]
        columns = ["run", "status", "dataset", "dataset version", "architecture", "reason"]
        frame = pd.DataFrame(rows, columns=pd.Index(columns)).set_index("run")
        return frame.sort_index(ascending=False)


def _share(report: EvaluationReport, name: str, value: float) -> str:
    if name not in report.intervals:
        return f"{value:.2%}"
    low, high = report.intervals[name]
    return f"{value:.2%} (95 % interval {low:.2%} to {high:.2%})"


def _request(**fields: object) -> TrainingRequest:
    try:
        return TrainingRequest.model_validate(fields)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'request'}: {fault['msg']}"
            for fault in error.errors()
        )
        raise InvalidInput(f"That cannot be trained: {faults}.") from error
