"""``visionml train``: start a run, search for hyperparameters, or go on with a run that failed."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionml.cli.options import AsJson, Environment, print_pairs, progress
from visionml.errors import InvalidInput

if TYPE_CHECKING:
    from visionml.desks.runs import TrainingRun
    from visionml.workbench import Session

Dataset = Annotated[str | None, typer.Option(help="The dataset's name.")]
DatasetVersion = Annotated[str | None, typer.Option(help="By default the newest.")]
Architecture = Annotated[str, typer.Option(help="A shipped name, or package.module:NAME.")]
ImageSize = Annotated[
    int | None,
    typer.Option(help="Height and width of the model's input in pixels; else the architecture's."),
]
Hyperparameters = Annotated[
    list[str] | None, typer.Option("--set", help="A hyperparameter, such as epochs=12; repeatable.")
]
Tune = Annotated[
    list[str] | None,
    typer.Option(
        help="What to search, repeatable: learning_rate=1e-4..1e-2:log or batch_size=32,64."
    ),
]
Strategy = Annotated[str, typer.Option(help="Bayesian, Random, Grid or Hyperband.")]
Jobs = Annotated[int, typer.Option(help="How many training jobs the search may run.")]
Parallel = Annotated[int, typer.Option(help="How many of them run at once.")]
Metric = Annotated[str, typer.Option(help="The figure that says which model is better.")]
Minimize = Annotated[bool, typer.Option("--minimize", help="The smaller figure is the better.")]
ThenTrain = Annotated[
    bool, typer.Option("--then-train", help="Train once more with the best hyperparameters found.")
]
Resume = Annotated[
    str | None,
    typer.Option(metavar="RUN", help="Go on with a run that failed, after its last finished step."),
]
Wait = Annotated[bool, typer.Option(help="Wait until the run has ended.")]

_RANGE = re.compile(r"(?P<low>[^:]+?)\.\.(?P<high>[^:]+)(?P<log>:log)?")


def train(
    *,
    dataset: Dataset = None,
    dataset_version: DatasetVersion = None,
    architecture: Architecture = "small-cnn",
    image_size: ImageSize = None,
    hyperparameters: Hyperparameters = None,
    tune: Tune = None,
    strategy: Strategy = "Bayesian",
    jobs: Jobs = 6,
    parallel: Parallel = 2,
    metric: Metric = "validation_accuracy",
    minimize: Minimize = False,
    then_train: ThenTrain = False,
    resume: Resume = None,
    wait: Wait = True,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """Train, evaluate and, when the gates are passed, register a model."""
    from visionml import workbench

    given: dict[str, Any] = dict(pair(text, example="epochs=12") for text in hyperparameters or [])
    search: dict[str, Any] = {
        "ranges": dict(searched(text) for text in tune or []),
        "strategy": strategy,
        "max_jobs": jobs,
        "max_parallel": parallel,
        "objective": {"metric": metric, "direction": "Minimize" if minimize else "Maximize"},
    }
    if then_train and not tune:
        raise InvalidInput("There is nothing to search first.", hint="Say what, with --tune.")
    session = workbench.open(environment, say=progress(as_json=as_json))
    options = {"architecture": architecture, "image_size": image_size, **given}
    if tune:
        options |= {"tuning": search, "mode": "both" if then_train else "tune"}
    run = (
        session.runs.resume(resume)
        if resume
        else _start(session, dataset, dataset_version, options)
    )
    if not wait:
        print_pairs({"run": run.run_id, "status": "started"}, as_json=as_json)
        return
    outcome = run.watch()
    told = {"status": outcome.status, "recommended": outcome.recommended, "reason": outcome.reason}
    print_pairs({"run": run.run_id, **told}, as_json=as_json)


def _start(
    session: "Session", dataset: str | None, version: str | None, options: dict[str, Any]
) -> "TrainingRun":
    if dataset is None:
        raise InvalidInput("No dataset is named.", hint="Add --dataset NAME, or --resume RUN.")
    chosen = session.datasets.open(dataset, version)
    return session.runs.start(chosen.name, chosen.version, **options)


def pair(text: str, *, example: str) -> tuple[str, str]:
    """Return the name and the value of ``name=value``."""
    name, separator, value = text.partition("=")
    if not separator or not name or not value:
        raise InvalidInput(f"{text!r} is not a hyperparameter.", hint=f"Write it as {example}.")
    return name, value


def searched(text: str) -> tuple[str, object]:
    """Return the name and the range of ``name=low..high``, ``...:log`` or ``name=a,b``."""
    example = "learning_rate=1e-4..1e-2:log or batch_size=32,64"
    name, value = pair(text, example=example)
    found = _RANGE.fullmatch(value)
    if found is None:
        return name, value.split(",")
    try:
        ends = [_number(found[end]) for end in ("low", "high")]
    except ValueError as error:
        raise InvalidInput(
            f"{value!r} is not a range of numbers.", hint=f"Write it as {example}."
        ) from error
    scale = {"scale": "Logarithmic"} if found["log"] else {}
    return name, {"min": ends[0], "max": ends[1], **scale}


def _number(text: str) -> int | float:
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
