"""Drift that stays: an alarm when enough of the newest reports have found it."""

from collections.abc import Iterable
from datetime import datetime

from visionml.contracts.monitoring import DriftReport, Persistence
from visionml.errors import InvalidInput

NEEDED = 2
OF = 3


def persistence(
    reports: Iterable[DriftReport], *, needed: int = NEEDED, of: int = OF
) -> Persistence:
    """Return whether `needed` of the newest `of` tested reports of one version drifted.

    Reports that were not tested say nothing and are passed over; ``untested`` counts those since
    the last that was.

    Raises
    ------
    InvalidInput
        `needed` is not between 1 and `of`.
    """
    if not 1 <= needed <= of:
        raise InvalidInput(
            f"{needed} of {of} reports cannot be needed.", hint="Ask for 1 to all of them."
        )
    ordered = sorted(reports, key=lambda each: each.time)
    tested = [each for each in ordered if each.threshold is not None]
    last = tested[-1].time if tested else None
    newest = tested[-of:]
    drifted = sum(each.drifted for each in newest)
    alarm = drifted >= needed
    return Persistence(
        alarm=alarm,
        needed=needed,
        of=of,
        drifted=drifted,
        since=_since(tested, of=of) if drifted else None,
        untested=sum(last is None or each.time > last for each in ordered),
    )


def _since(tested: list[DriftReport], *, of: int) -> datetime | None:
    """Return when the drift began that the newest reports are of: a quiet stretch ends it."""
    began, quiet = None, 0
    for each in reversed(tested):
        if each.drifted:
            began, quiet = each.time, 0
        else:
            quiet += 1
            if quiet >= of:
                break
    return began
