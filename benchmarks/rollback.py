"""How long a rollback takes under traffic: from the decision to all answers by the old version."""

from pathlib import Path

from benchmarks.platform import platform
from benchmarks.record import Row, row
from visionml.contracts.deployment import DeploymentOutcome
from visionml.desks.datasets import Sample
from visionml.desks.watched import Watched
from visionml.errors import VisionmlError
from visionml.workbench import Session

ROUNDS = 5
REQUESTS_PER_SECOND = 50


def rollback_seconds() -> Row:
    """`session.models.rollback`, all at once, to a version that has served.

    Raises
    ------
    VisionmlError
        A request failed meanwhile.
    """
    with platform() as session:
        dataset = session.datasets.import_source(
            session.datasets.write_digits(Path("digits")), name="digits"
        )
        samples = dataset.samples(10, split="holdout")
        started = [session.runs.start(dataset.name, dataset.version, seed=s) for s in range(2)]
        for run in started:
            run.watch()
            session.models.promote(run.run_id)
        first, second = (run.run_id for run in started)
        targets = [first if number % 2 == 0 else second for number in range(ROUNDS)]
        seconds = [_rolled_back(session, to, samples) for to in targets]
    return row("rollback_seconds", "s", {"ours": seconds})


def _rolled_back(session: Session, to: str, samples: list[Sample]) -> float:
    def go_back() -> DeploymentOutcome:
        return session.models.rollback(to)

    seen: Watched = session.drill.watch(go_back, samples, rate=REQUESTS_PER_SECOND)
    if seen.failed or session.models.active() != to:
        raise VisionmlError(f"{seen.failed} requests failed while going back to {to}.")
    return seen.seconds_to_settle()
