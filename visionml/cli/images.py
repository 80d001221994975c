"""``visionml upload``, ``images`` and ``forget``."""

from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from visionml.cli.options import AsJson, Environment, print_frame, print_json, print_pairs, records
from visionml.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

    from visionml.desks.forgetting import Forgotten

_INTERRUPTED = 130

Paths = Annotated[
    list[str], typer.Argument(metavar="PATH...", help="Files, and folders with all below them.")
]
Owner = Annotated[
    str, typer.Option("--user", help="Whose the images are; only a pseudonym of it is kept.")
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait until intake and the detector are done with them.")
]
Patience = Annotated[int, typer.Option(help="How many seconds --wait waits at most.", min=1)]

images = typer.Typer(name="images", help="List and show images.", invoke_without_command=True)


def upload(
    paths: Paths,
    *,
    user: Owner = "",
    wait: Wait = False,
    patience: Patience = 120,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """Send images to intake; called again it goes on and sends nothing twice.

    Exit code 1 says that something could not be sent; the reason is told.
    """
    from visionml import workbench

    session = workbench.open(environment)
    looked_at = None
    try:
        with _Bar(shown=not as_json) as bar:
            sent = session.images.upload(paths, user=user, on_progress=bar.counting("Sending"))
            if wait:
                looked_at = session.images.wait(
                    sent, patience_seconds=patience, on_progress=bar.counting("Looked at")
                )
    except KeyboardInterrupt:
        typer.echo("Interrupted: the same command goes on where this one stopped.", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    lost = sent[sent["outcome"] == "not sent"]
    if as_json:
        looked = {} if looked_at is None else {"images": records(looked_at)}
        print_json({"files": records(sent), **looked})
    else:
        _tell(sent, lost, looked_at)
    if len(lost):
        raise typer.Exit(1)


def _tell(sent: "pd.DataFrame", lost: "pd.DataFrame", looked_at: "pd.DataFrame | None") -> None:
    for file, why in zip(lost["file"], lost["detail"], strict=True):
        typer.echo(f"{file}: {why}", err=True)
    counts = sent["outcome"].value_counts().to_dict()
    typer.echo(", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "Nothing.")
    if looked_at is not None:
        columns = ["status", "animal", "confidence", "reason"]
        print_frame(looked_at[columns], as_json=False, empty="No image was looked at.")


@images.callback()
def list_(
    context: typer.Context,
    *,
    status: Annotated[str | None, typer.Option(help="Such as organised or refused.")] = None,
    label: Annotated[str | None, typer.Option(help="cat, dog or other.")] = None,
    user: Annotated[str | None, typer.Option(help="A user's name, or the pseudonym.")] = None,
    since: Annotated[str | None, typer.Option(help="A day or a moment, in UTC.")] = None,
    until: Annotated[str | None, typer.Option(help="A day or a moment, in UTC.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """List images, the newest first."""
    if context.invoked_subcommand:
        return
    from visionml import workbench

    found = workbench.open(environment).images.table(
        status=status, label=label, user=user, since=since, until=until, limit=limit
    )
    if as_json:
        print_json(records(found))
        return
    shown = found[["status", "animal", "confidence", "format", "bytes", "time"]]
    print_frame(shown, as_json=False, empty="There is no such image.")


@images.command()
def show(
    image: Annotated[str, typer.Argument(help="An image's id.")],
    *,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """Show all that is recorded of an image."""
    from visionml import workbench

    record = workbench.open(environment).images.get(image).item()
    if as_json:
        print_json(record)
        return
    labels = record.pop("Labels", [])
    told = {name: value for name, value in record.items() if not isinstance(value, dict | list)}
    if labels:
        told["Labels"] = ", ".join(f"{each['name']} {each['confidence']:.1f}" for each in labels)
    if "Refusal" in record:
        told["Refusal"] = record["Refusal"]["sentence"]
    told["Previews"] = ", ".join(record.get("Previews", {}))
    print_pairs({name: value for name, value in told.items() if value != ""}, as_json=False)


@images.command()
def retry(
    image: Annotated[list[str] | None, typer.Argument(help="Images' ids.")] = None,
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="All that Rekognition could not be asked about.")
    ] = False,
    accepted: Annotated[
        bool, typer.Option("--accepted", help="All whose detection never ended.")
    ] = False,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """Have images looked at that nobody has looked at."""
    from visionml import workbench

    asked: dict[str, Any] = {"failed": failed, "accepted": accepted}
    statuses = [name for name, given in asked.items() if given]
    if bool(image) + len(statuses) != 1:
        raise InvalidInput("Name images, or one of --failed and --accepted.")
    desk = workbench.open(environment).images
    tried = desk.retry(image) if image else desk.retry(status=statuses[0])  # type: ignore[arg-type]
    if as_json:
        print_json(records(tried))
        return
    counts = tried["outcome"].value_counts().to_dict()
    typer.echo(", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "Nothing.")


def forget(
    image: Annotated[str, typer.Argument(help="An image's id.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what it would do.")] = False,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """Delete an image for good: from buckets, datasets and records.

    Models that were trained before are told, and stay as they are. Done again, or after an
    interruption, it does what is left to do.
    """
    from visionml import workbench

    if as_json and not (yes or dry_run):
        raise InvalidInput("Nobody can be asked with --json.", hint="Add --yes or --dry-run.")
    session = workbench.open(environment)
    if dry_run or not yes:
        planned = session.images.forget(image, dry_run=True)
        _print_forgotten(planned, as_json=as_json)
        if dry_run:
            return
        typer.confirm("Delete all of it?", abort=True)
    _print_forgotten(session.images.forget(image), as_json=as_json)


def _print_forgotten(told: "Forgotten", *, as_json: bool) -> None:
    if not as_json:
        typer.echo(repr(told))
        return
    print_json(
        {
            "image": told.record.image_id,
            "done": told.done,
            "deleted": told.deleted,
            "datasets": told.datasets,
            "models": records(told.models),
            "same_file": told.alike,
            "notes": {name: told.rows[name] for name in ("record", "predictions")},
        }
    )


class _Bar:
    """A progress bar on the error stream, with a line for each stage."""

    def __init__(self, *, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True, disable=not shown)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._bar.stop()

    def counting(self, stage: str) -> Any:
        """Return what takes (done, total) of a stage."""
        task = self._bar.add_task(stage, total=None)
        return lambda done, total: self._bar.update(task, completed=done, total=total)
