"""``python -m benchmarks [ROW...]``: measure, print a table, leave ``runs/bench/latest.json``.

Without names everything is measured.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import (
    api,
    batch,
    commands,
    drift,
    intake,
    jobs,
    model_input,
    previews,
    rollback,
    serving,
    stream,
    training,
)
from benchmarks.record import Machine, Report
from visionml.errors import VisionmlError

MEASUREMENTS = (
    previews.previews_12mp,
    previews.previews_2mp,
    model_input.model_input_12mp,
    model_input.model_input_2mp,
    serving.serving_throughput,
    serving.serving_p99_half_load,
    serving.serving_throughput_resnet18,
    serving.serving_monitoring,
    serving.serving_memory_per_model,
    serving.serving_start,
    api.adapter_overhead,
    intake.intake_one_image,
    intake.intake_burst,
    intake.intake_burst_memory,
    stream.stream_throughput,
    stream.stream_throughput_photographs,
    stream.stream_burst_drain_seconds,
    batch.batch_throughput,
    training.training_loop,
    jobs.control_plane_overhead,
    rollback.rollback_seconds,
    drift.drift_power,
    drift.drift_seconds_per_window,
    drift.drift_baseline_seconds,
    drift.drift_memory,
    commands.cli_start,
    commands.synth,
    commands.deploy_local,
)


def main(names: Sequence[str] = ()) -> int:
    """Run every measurement, or those of `names`, and return the exit code."""
    console = Console()
    known = {measure.__name__: measure for measure in MEASUREMENTS}
    if unknown := sorted({*names} - {*known}):
        console.print(f"Error: Nothing is called {unknown[0]}. There are: {', '.join(known)}.")
        return 2
    report = Report(started=datetime.now(UTC), machine=Machine.this(), rows=[])
    for measure in [known[name] for name in names] or MEASUREMENTS:
        with console.status(f"Measuring {measure.__name__}"):
            try:
                report.rows.append(measure())
            except VisionmlError as error:
                console.print(f"Error: {measure.__name__}: {error}", markup=False)
                return error.exit_code
    table = Table("Measurement", "Value", "Unit", "Of the limit", "Peers", box=None, pad_edge=False)
    for row in report.rows:
        share = "" if row.limit_ratio is None else f"{row.limit_ratio:.0%}"
        peers = ", ".join(
            f"{peer.name} {'not installed' if peer.ratio is None else f'{peer.ratio:.2f}x'}"
            for peer in row.peers
        )
        if row.error is not None:
            peers = f"predicted {row.predicted:,.4g} ({row.error:+.0%})"
        table.add_row(row.name, f"{row.value:,.4g}", row.unit, share, peers)
    console.print(table)
    console.print(f"Written to {report.write(Path('runs/bench'))}", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
