"""``visionml promote``, ``rollback``, ``traffic`` and ``deployments``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionml.cli.options import (
    AsJson,
    Environment,
    print_frame,
    print_json,
    print_pairs,
    progress,
)
from visionml.errors import InvalidInput

if TYPE_CHECKING:
    from visionml.contracts.deployment import DeploymentOutcome

Version = Annotated[
    str | None, typer.Argument(help="A model version, which is its run's id; else the newest.")
]
Challenger = Annotated[
    str | None, typer.Option(metavar="VERSION", help="Answers a share of the requests beside it.")
]
Shadow = Annotated[
    str | None, typer.Option(metavar="VERSION", help="Gets a copy of the requests; answers nobody.")
]
Bake = Annotated[
    int | None,
    typer.Option(
        metavar="SECONDS",
        min=0,
        max=3600,
        help="Watch the alarms for longer than the settings ask after each shift of traffic.",
    ),
]
To = Annotated[
    str | None,
    typer.Option(metavar="VERSION", help="A version that has served; else the previous one."),
]
Weights = Annotated[
    list[str] | None,
    typer.Argument(metavar="VARIANT=WEIGHT", help="Such as ModelA=50 ModelB=50."),
]
DeploymentId = Annotated[
    str | None, typer.Argument(metavar="DEPLOYMENT", help="Its id; without one, list them all.")
]


def promote(
    version: Version = None,
    *,
    challenger: Challenger = None,
    shadow: Shadow = None,
    bake_seconds: Bake = None,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """Put a registered model version on the endpoint, guarded by alarms.

    Ends with 0 when it serves, 10 when nothing has changed, 11 when the rollout was taken back and
    12 when it failed.

    Examples: `visionml promote`, `visionml promote run-20261120-103000-a1b2 --json`.
    """
    from visionml import workbench

    session = workbench.open(environment, say=progress(as_json=as_json))
    models = session.models
    started = models.start_promotion(
        version or models.latest().version,
        challenger=challenger,
        shadow=shadow,
        bake_seconds=bake_seconds,
    )
    _finish(started.follow(), as_json=as_json)


def rollback(*, to: To = None, environment: Environment = "local", as_json: AsJson = False) -> None:
    """Go back to the version that served before, or to an earlier one.

    Ends as `promote` does: 0 when the earlier version serves, 10 when it has served already, 11
    when the rollback was taken back by an alarm, 12 when it failed. Asked twice, it is one.

    Examples: `visionml rollback`, `visionml rollback --to run-20261120-103000-a1b2`.
    """
    from visionml import workbench
    from visionml.desks.deployments import Deployment

    session = workbench.open(environment, say=progress(as_json=as_json))
    started = session.models.start_rollback(to)
    outcome = started.follow() if isinstance(started, Deployment) else started
    _finish(outcome, as_json=as_json)


def traffic(
    weights: Weights = None, *, environment: Environment = "local", as_json: AsJson = False
) -> None:
    """Show how the traffic is shared among the variants, or share it anew.

    Examples: `visionml traffic`, `visionml traffic ModelA=50 ModelB=50`.
    """
    from visionml import workbench

    wanted = dict(map(weight, weights or []))
    session = workbench.open(environment)
    shares = session.endpoint.set_traffic(**wanted) if wanted else session.endpoint.traffic()
    print_frame(shares, as_json=as_json, empty="The endpoint has no variants.")


def deployments(
    deployment: DeploymentId = None,
    *,
    environment: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """List what was deployed and what came of it, or show one deployment's steps.

    Examples: `visionml deployments`, `visionml deployments dep-20261120-103000-c3d4`.
    """
    from visionml import workbench

    session = workbench.open(environment)
    if deployment is None:
        print_frame(session.deployments.table(), as_json=as_json, empty="Nothing was deployed yet.")
        return
    found = session.deployments.open(deployment)
    facts, steps = found.describe().rows, found.timeline()
    if as_json:
        print_json({**facts, "steps": steps.reset_index().to_dict("records")})
        return
    print_pairs(facts, as_json=False)
    typer.echo("")
    print_frame(steps, as_json=False, empty="It has no steps.")


def weight(text: str) -> tuple[str, float]:
    """Return the variant and the weight of ``VARIANT=WEIGHT``."""
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no weight.", hint="Write it as ModelA=50.") from error


def sentence(outcome: "DeploymentOutcome") -> str:
    """Return what a deployment came to, for people."""
    serves = outcome.active_version or "no version"
    if outcome.outcome == "promoted":
        went = "Rolled back to" if outcome.kind == "rollback" else "Promoted"
        return f"{went} {outcome.model_version}."
    if outcome.outcome == "rolled_back":
        return f"{outcome.model_version} was taken back; {serves} serves as before."
    if outcome.outcome == "unchanged":
        return f"Nothing has changed; {serves} serves."
    return f"The deployment of {outcome.model_version} failed."


def _finish(outcome: "DeploymentOutcome", *, as_json: bool) -> None:
    """Print the outcome and end with its exit code."""
    from visionml.contracts.deployment import EXIT_CODES

    facts: dict[str, Any] = outcome.model_dump(mode="json")
    if as_json:
        print_json(facts)
    else:
        typer.echo(sentence(outcome))
        told = {name.replace("_", " "): value for name, value in facts.items() if value}
        print_pairs(told, as_json=False)
    if EXIT_CODES[outcome.outcome]:
        raise typer.Exit(EXIT_CODES[outcome.outcome])
