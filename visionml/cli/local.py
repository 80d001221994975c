"""``visionml local``: the embedded AWS on this computer."""

import json
import shlex
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from visionml.local.state import State

local = typer.Typer(
    name="local",
    help="Start and stop the embedded AWS on this computer.",
    no_args_is_help=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Listen here; else a free port.")]


@local.command()
def up(*, port: Port = None, as_json: AsJson = False) -> None:
    """Start the embedded AWS in the background, unless it runs already."""
    from visionml.local import control
    from visionml.local.state import Project

    began = time.monotonic()
    _started(control.up(Project.find(), port=port), time.monotonic() - began, as_json=as_json)


@local.command()
def down(*, as_json: AsJson = False) -> None:
    """Stop the embedded AWS and every process it started."""
    from visionml.local import control
    from visionml.local.state import Project

    stopped = control.down(Project.find())
    if as_json:
        typer.echo(json.dumps({"running": False, "stopped": stopped}))
    elif stopped:
        typer.echo(f"Stopped the embedded AWS ({stopped} processes).")
    else:
        typer.echo("The embedded AWS was not running.")


@local.command()
def status(*, as_json: AsJson = False) -> None:
    """Say whether the embedded AWS runs, and where; exit 3 when it does not."""
    from visionml.local import control
    from visionml.local.state import Project

    found = control.status(Project.find())
    if as_json:
        typer.echo(json.dumps(found))
    else:
        for name, value in found.items():
            typer.echo(f"{name}: {value}")
    if not found["running"]:
        raise typer.Exit(3)


@local.command()
def env(*, as_json: AsJson = False) -> None:
    """Print the exports after which any AWS client uses it: eval "$(visionml local env)"."""
    from visionml.local import state

    variables = state.read().environment()
    if as_json:
        typer.echo(json.dumps(variables))
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@local.command()
def reset(*, port: Port = None, as_json: AsJson = False) -> None:
    """Forget everything in the embedded AWS and start it empty, with the same port and key."""
    from visionml.local import control
    from visionml.local.state import Project

    began = time.monotonic()
    _started(control.reset(Project.find(), port=port), time.monotonic() - began, as_json=as_json)


@local.command()
def interrupt(
    job: Annotated[str, typer.Argument(help="A training job that runs on spot instances.")],
    *,
    batch: Annotated[
        bool, typer.Option("--batch", help="It is AWS Batch's job of this id.")
    ] = False,
    grace: Annotated[float, typer.Option(min=0, help="Seconds from SIGTERM to SIGKILL.")] = 120,
    wait: Annotated[float, typer.Option(min=0, help="Seconds without other instances.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Take a job's spot instances away; a training job starts again from its checkpoints."""
    from visionml.local import spot, state

    interrupt_it = spot.interrupt_job if batch else spot.interrupt
    arn = interrupt_it(state.read(), job, grace_seconds=grace, wait_seconds=wait)
    typer.echo(json.dumps({"interrupted": arn}) if as_json else f"Interrupted {arn}.")


@local.command()
def labels(
    artefact: Annotated[
        str | None, typer.Argument(help="s3://BUCKET/KEY of a model.tar.gz; else show it.")
    ] = None,
    *,
    version: Annotated[str, typer.Option(help="What answers name, as visionml-VERSION.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show or set which model answers Rekognition's DetectLabels."""
    from visionml.local.rekognition.registered import register, registered
    from visionml.local.state import Project

    project = Project.find()
    if artefact is None:
        found = registered(project)
    else:
        found = register(project, artefact=artefact, version=version)
    if as_json:
        typer.echo(json.dumps(found.model_dump() if found else None))
    elif found:
        typer.echo(f"{found.artefact} labels pictures, as visionml-{found.version}.")
    else:
        typer.echo("No model labels pictures.")


@local.command()
def fault(
    operation: Annotated[
        str | None, typer.Argument(help="Such as dynamodb:PutItem; else show what is to come.")
    ] = None,
    code: Annotated[
        str | None, typer.Argument(help="Of its error, such as ThrottlingException.")
    ] = None,
    *,
    times: Annotated[int, typer.Option(min=1, help="Of how many calls.")] = 1,
    after: Annotated[int, typer.Option(min=0, help="How many calls are served before.")] = 0,
    clear: Annotated[bool, typer.Option("--clear", help="Forget all that are to come.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let the next calls of an operation answer an error; for drills."""
    from visionml.errors import InvalidInput
    from visionml.local import faults, state

    running = state.read()
    if clear:
        faults.clear(running)
    elif operation and code:
        faults.inject(running, operation, code, times=times, after=after)
    elif operation:
        raise InvalidInput(
            f"No error of {operation} is named.",
            hint="visionml local fault SERVICE:OPERATION CODE, such as "
            "rekognition:DetectLabels ThrottlingException.",
        )
    coming = faults.pending(running)
    if as_json:
        typer.echo(json.dumps([each.model_dump() for each in coming]))
        return
    for each in coming:
        served = f", {each.after} are served before" if each.after else ""
        typer.echo(f"{each.operation}: the next {each.times} answer {each.code}{served}")
    if not coming:
        typer.echo("No fault is to come.")


@local.command()
def calls(
    *,
    role: Annotated[str, typer.Option(help="Only of roles whose names hold this.")] = "",
    denied: Annotated[bool, typer.Option("--denied", help="Only what was denied.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print what principals asked IAM for since the embedded AWS started."""
    from visionml.local import calls as record
    from visionml.local.state import Project

    found = [
        call
        for call in record.read(Project.find())
        if role in (call.role or "") and not (denied and call.allowed)
    ]
    if as_json:
        typer.echo(json.dumps([call.model_dump() for call in found]))
        return
    for call in found:
        verdict = "allowed" if call.allowed else "DENIED"
        typer.echo(f"{call.principal} {call.action} {call.resource} {verdict} {call.count}")
    if not found:
        typer.echo("No call is recorded.")


def _started(running: "State", seconds: float, *, as_json: bool) -> None:
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "running": True,
                    "endpoint_url": running.endpoint_url,
                    "pid": running.pid,
                    "seconds": round(seconds, 2),
                }
            )
        )
        return
    typer.echo(f"The embedded AWS answers on {running.endpoint_url} (after {seconds:.1f} s).")
    typer.echo('Use it from this shell: eval "$(visionml local env)"')
