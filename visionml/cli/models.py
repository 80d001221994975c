"""``visionml evaluate``, ``predict`` and ``lineage``."""

from pathlib import Path
from typing import Annotated

import typer

from visionml.cli.options import (
    AsJson,
    Environment,
    print_frame,
    print_json,
    print_pairs,
    records,
)

OptionalVersion = Annotated[
    str | None, typer.Argument(help="A model version, which is its run's id; else the newest.")
]
Image = Annotated[Path, typer.Argument(help="A JPEG, PNG or WebP file.")]
Subject = Annotated[
    str,
    typer.Argument(help="A run, model version, deployment, DATASET@VERSION or an image's id."),
]


def evaluate(
    run: OptionalVersion = None, *, environment: Environment = "local", as_json: AsJson = False
) -> None:
    """Show how a run's model did on the holdout."""
    from visionml import workbench

    session = workbench.open(environment)
    found = session.runs.open(run) if run else session.runs.latest()
    report = found.report()
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    facts = {
        "model version": report.model_version,
        "dataset": f"{report.dataset}@{report.dataset_version}",
        "holdout images": report.images,
        "accuracy": f"{report.accuracy:.2%}",
        "macro F1": f"{report.macro_f1:.2%}",
        "misread": len(report.misread),
    }
    print_pairs(facts, as_json=False)


def predict(image: Image, *, environment: Environment = "local", as_json: AsJson = False) -> None:
    """Send an image to the inference API and print the answer."""
    from visionml import workbench

    answer = workbench.open(environment).api.predict(image)
    if as_json:
        print_json(answer.model_dump(mode="json"))
        return
    facts = answer.model_dump(exclude={"probabilities"})
    print_pairs({name.replace("_", " "): value for name, value in facts.items()}, as_json=False)


def lineage(
    subject: Subject, *, environment: Environment = "local", as_json: AsJson = False
) -> None:
    """Show which dataset and run made a model, and where it was deployed.

    Of an image it shows which dataset versions hold it, and which models came of them.
    """
    from visionml import workbench
    from visionml.desks.lineage import ImageTrace

    trace = workbench.open(environment).lineage.of(subject)
    if as_json:
        told = trace.graph.model_dump(mode="json")
        if isinstance(trace, ImageTrace):
            told |= {"datasets": records(trace.datasets()), "models": records(trace.models())}
        print_json(told)
        return
    if isinstance(trace, ImageTrace):
        print_frame(trace.datasets(), as_json=False, empty="No dataset version holds it.")
        typer.echo("")
    print_frame(trace.nodes(), as_json=False, empty="")
    typer.echo("")
    print_frame(trace.edges(), as_json=False, empty="It is not linked to anything.")
