"""``visionml cost``, ``capacity`` and ``budget``: what a month costs, and what load asks for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionml.cli.options import AsJson, Environment, print_frame, print_json, print_pairs
from visionml.errors import InvalidInput

if TYPE_CHECKING:
    from visionml.desks.costs import Bill
    from visionml.economics.capacity import Capacity

WhatIf = Annotated[
    list[str] | None,
    typer.Option(
        "--what-if", metavar="KEY=VALUE", help="Another setting, such as stream.mode=on_demand."
    ),
]
Assume = Annotated[
    list[str] | None,
    typer.Option("--assume", metavar="NAME=VALUE", help="A quantity that you have measured."),
]
Region = Annotated[str | None, typer.Option("--region", help="Whose prices to take.")]
Templates = Annotated[
    Path | None,
    typer.Option(
        "--templates",
        help="A folder of `visionml synth`, instead of synthesising.",
        exists=True,
        file_okay=False,
    ),
]
Details = Annotated[
    bool, typer.Option("--details", help="Print every line, and what is assumed, as well.")
]
Images = Annotated[int | None, typer.Option("--images-per-day", min=1, help="Images in a day.")]
Predictions = Annotated[
    int | None, typer.Option("--predictions-per-day", min=1, help="Predictions in a day.")
]
Peak = Annotated[
    float, typer.Option("--peak", min=1, help="How many times the day's mean the busiest hour has.")
]


def cost(
    *,
    environment: Environment = "local",
    what_if: WhatIf = None,
    assume: Assume = None,
    region: Region = None,
    templates: Templates = None,
    details: Details = False,
    as_json: AsJson = False,
) -> None:
    """Estimate an environment's month in an account: per stack and service, and what saves.

    Taken from the synthesised templates and public list prices; needs no account. What has no
    price is named at the end, and the exit code is 1 then.

    Examples: `visionml cost -e prod`, `visionml cost -e prod --what-if images_per_day=50000000`,
    `visionml cost -e prod --assume image_megabytes=2.4 --details`.
    """
    from visionml.contracts import settings
    from visionml.desks.costs import bill

    wanted, changes, measured = settings.load(environment), pairs(what_if), numbers(assume)
    if changes and templates is not None:
        raise InvalidInput("--what-if changes the templates, so --templates cannot be given, too.")
    if templates is None and not as_json:
        typer.echo("Synthesising the templates ...", err=True)
    made = bill(wanted, what_if=changes, assume=measured, region=region, assembly=templates)
    before = None
    if changes:
        before = bill(wanted, assume=measured, region=region)
    if as_json:
        print_json(_facts(made, before))
    else:
        _print(made, before, details=details)
    if made.estimate.unpriced:
        raise typer.Exit(1)


def capacity(
    *,
    environment: Environment = "prod",
    images_per_day: Images = None,
    predictions_per_day: Predictions = None,
    peak: Peak = 10,
    assume: Assume = None,
    as_json: AsJson = False,
) -> None:
    """Say what a load asks for: concurrency, shards, instances, units, and quotas to raise.

    Without a load: the settings' own day, its peak, and a day of a hundred times as much. Needs no
    account; the quotas are AWS's defaults.

    Examples: `visionml capacity`, `visionml capacity --images-per-day 50000000 --peak 10`.
    """
    from dataclasses import asdict

    from visionml.contracts import settings
    from visionml.economics import capacity as model

    wanted = settings.load(environment)
    loads = model.scenarios(wanted, peak=peak)
    if images_per_day or predictions_per_day:
        images = images_per_day or wanted.images_per_day
        loads = (model.Load(images, predictions_per_day or wanted.predictions_per_day, peak),)
    found = [model.capacity(wanted, load, assume=numbers(assume)) for load in loads]
    if not as_json:
        for each in found:
            _print_capacity(each)
        return
    print_json(
        [
            {
                **asdict(each),
                "demands": [
                    {**asdict(demand), "enough": demand.enough, "advice": demand.advice}
                    for demand in each.demands
                ],
            }
            for each in found
        ]
    )


def budget(
    *, environment: Environment = "local", templates: Templates = None, as_json: AsJson = False
) -> None:
    """Set the estimate of a month beside the environment's budget.

    `alarms.monthly_budget_usd` is the budget; AWS tells `alarms.email` at 80 % of it, and when the
    month's forecast passes it. Ends with 1 when there is no budget, or the estimate is above it.

    Examples: `visionml budget -e prod`, `visionml budget -e dev --json`.
    """
    from visionml.contracts import settings
    from visionml.desks.costs import bill

    wanted = settings.load(environment)
    if templates is None and not as_json:
        typer.echo("Synthesising the templates ...", err=True)
    sums = bill(wanted, assembly=templates).figures()
    limit = wanted.alarms.monthly_budget_usd
    within = limit is not None and sums["monthly_usd"] <= limit
    facts = {
        "monthly_budget_usd": limit,
        "told": wanted.alarms.email,
        **{name: sums[name] for name in ("monthly_usd", "low_usd", "high_usd")},
        "within": within,
    }
    print_pairs(facts, as_json=as_json)
    if not as_json and limit is None:
        typer.echo(f"\nSet alarms.monthly_budget_usd; {sums['high_usd']:.0f} is the dear end.")
    if not within:
        raise typer.Exit(1)


def _print_capacity(found: "Capacity") -> None:
    import pandas as pd

    load = found.load
    typer.echo(
        f"\n{load.images_per_day:,} images and {load.predictions_per_day:,} predictions a day,"
        f" {load.peak:g} times the mean at the peak:\n"
    )
    rows = [
        {
            "what": each.what,
            "mean": f"{each.mean:,.1f}",
            "peak": f"{each.peak:,.1f}",
            "unit": each.unit,
            "bound by": each.bound,
            "limit": "" if each.limit is None else f"{each.limit:,.0f}",
            "advice": each.advice,
        }
        for each in found.demands
    ]
    print_frame(pd.DataFrame(rows), as_json=False, empty="")


def pairs(given: list[str] | None) -> dict[str, str]:
    """Return the keys and values of ``KEY=VALUE``."""
    found = {}
    for text in given or []:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise InvalidInput(
                f"{text!r} is not of the form KEY=VALUE.", hint="Such as images_per_day=1000000."
            )
        found[key] = value
    return found


def numbers(given: list[str] | None) -> dict[str, float]:
    """Return the names and numbers of ``NAME=VALUE``."""
    try:
        return {name: float(value) for name, value in pairs(given).items()}
    except ValueError as error:
        raise InvalidInput(f"An assumption is a number: {error}.") from error


def _facts(made: "Bill", before: "Bill | None") -> dict[str, object]:
    sums: dict[str, object] = made.figures()
    if before is not None:
        sums["without_what_if_usd"] = before.monthly_usd
    for part in ("stack", "service", "driver"):
        sums[f"by_{part}"] = made.by(part).reset_index().to_dict("records")
    sums["switches"] = made.switches().reset_index().to_dict("records")
    sums["assumptions"] = made.assumptions().reset_index().to_dict("records")
    sums["lines"] = made.lines().to_dict("records")
    return sums


def _print(made: "Bill", before: "Bill | None", *, details: bool) -> None:
    print_pairs(made.card().rows, as_json=False)
    if before is not None:
        more = made.monthly_usd - before.monthly_usd
        typer.echo(
            f"\nWithout --what-if: ${before.monthly_usd:,.2f}; that is {more:+,.2f} a month."
        )
    for part in ("stack", "service"):
        typer.echo("")
        print_frame(made.by(part), as_json=False, empty="Nothing costs anything.")
    typer.echo("\nWhat each switch saves in a month (negative: costs):")
    table = made.switches()[["on", "saves_usd", "what"]]
    print_frame(table, as_json=False, empty="There is no switch.")
    if details:
        typer.echo("")
        shown = ["stack", "resource", "what", "quantity", "unit", "usd"]
        print_frame(made.lines()[shown].round(2), as_json=False, empty="")
        typer.echo("\nAssumed; set one with --assume NAME=VALUE:")
        print_frame(made.assumptions(), as_json=False, empty="")
    if made.estimate.unpriced:
        typer.echo("\nNot priced, and not in the sum:")
        print_pairs({each.where: each.what for each in made.estimate.unpriced}, as_json=False)
