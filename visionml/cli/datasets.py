"""``visionml dataset``: import a folder, list versions."""

from typing import Annotated

import typer

from visionml.cli.options import AsJson, Environment, print_frame, print_pairs

dataset = typer.Typer(name="dataset", help="Import and list datasets.", no_args_is_help=True)

Source = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH|s3://...",
        help="One folder per class, such as photos/cat/1.jpg, or a CSV file with path and label;"
        " several folders are a class each; or a sample set, animals or digits.",
    ),
]
Name = Annotated[str, typer.Option("--name", help="The dataset's name.")]
Group = Annotated[
    str | None,
    typer.Option(help="Regular expression: files with equal matches stay on one side of a split."),
]
Seed = Annotated[int, typer.Option(help="Decides which image goes to which side of the split.")]


@dataset.command("import")
def import_(
    source: Source,
    *,
    name: Name,
    group: Group = None,
    seed: Seed = 0,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """Make a dataset version of images; the same images give the same version."""
    from rich.console import Console
    from rich.progress import Progress

    from visionml import workbench

    session = workbench.open(environment)
    with Progress(console=Console(stderr=True), transient=True, disable=as_json) as shown:
        tasks = {"validate": shown.add_task("Validating", total=None)}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = shown.add_task("Uploading")
            shown.update(tasks[stage], completed=done, total=total)

        made = session.datasets.import_source(
            source, name=name, seed=seed, group_pattern=group, on_progress=tell
        )
    record = made.record
    facts = {
        "dataset": record.dataset,
        "version": record.version,
        "images": record.images,
        "classes": len(record.classes),
        "refused": record.refused,
    }
    print_pairs(facts, as_json=as_json)


@dataset.command("list")
def list_(*, environment: Environment = "local", as_json: AsJson = False) -> None:
    """List the dataset versions, the newest first."""
    from visionml import workbench

    versions = workbench.open(environment).datasets.versions()
    print_frame(versions, as_json=as_json, empty="There is no dataset yet.")
