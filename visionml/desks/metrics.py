"""What CloudWatch has measured, as tables: the endpoint, the API, the stream."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pandas as pd

from visionml.aws.metrics import Figure, read
from visionml.contracts.names import METRIC_NAMESPACE, VARIANT_A, VARIANT_B
from visionml.desks.platform import Platform
from visionml.errors import InvalidInput

PERCENTILES = (50, 90, 99)
_ENDPOINT, _API, _FUNCTION = "AWS/SageMaker", "AWS/ApiGateway", "AWS/Lambda"
_CONSUMER, _SERVICE = "prediction_consumer", {"service": "serving"}
_LONGEST_HOURS = 15 * 24
"""CloudWatch keeps minutes for so long."""
_MILLI = 1e-3


class Metrics:
    """The figures of an environment, by minute; a minute without any is no row."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def endpoint(self, *, hours: float = 3, minutes: int = 1) -> pd.DataFrame:
        """Return what each variant answered: ``invocations``, ``errors``, ``p50 ms``... a row.

        Latencies are the container's.
        """
        tables = {v: self._variant(v, hours, minutes) for v in (VARIANT_A, VARIANT_B)}
        named = [table.assign(variant=variant) for variant, table in tables.items()]
        told = [table for table in named if len(table)] or named[:1]
        columns = ["variant", "invocations", "errors", *_named("ms")]
        return pd.concat(told)[columns].sort_index(kind="stable")

    def api(self, *, name: str = "api", hours: float = 3, minutes: int = 1) -> pd.DataFrame:
        """Return what callers of the API ``api``, or of ``images-api``, were answered."""
        where = {"ApiName": self._platform.names.name(name)}
        figures = {
            "requests": Figure(_API, "Count", where, "Sum"),
            "refused": Figure(_API, "4XXError", where, "Sum"),
            "failed": Figure(_API, "5XXError", where, "Sum"),
            **{f"p{each} ms": Figure(_API, "Latency", where, f"p{each}") for each in PERCENTILES},
        }
        return self._read(figures, hours, minutes)

    def stream(self, *, hours: float = 3, minutes: int = 1) -> pd.DataFrame:
        """Return what became of the requests of the stream, and how old they were when read."""
        function = {"FunctionName": self._platform.names.function(_CONSUMER)}
        counted = {
            "predictions": "Predictions",
            "repeated": "RepeatedRequests",
            "failures": "RecordedFailures",
            "handed back": "RequestsHandedBack",
        }
        figures = {
            **{
                name: Figure(METRIC_NAMESPACE, metric, _SERVICE, "Sum")
                for name, metric in counted.items()
            },
            "batches": Figure(_FUNCTION, "Invocations", function, "Sum"),
            "errors": Figure(_FUNCTION, "Errors", function, "Sum"),
            "oldest ms": Figure(_FUNCTION, "IteratorAge", function, "Maximum"),
        }
        return self._read(figures, hours, minutes)

    def _variant(self, variant: str, hours: float, minutes: int) -> pd.DataFrame:
        where = {"EndpointName": self._platform.names.endpoint, "VariantName": variant}
        figures = {
            "invocations": Figure(_ENDPOINT, "Invocations", where, "Sum"),
            "client errors": Figure(_ENDPOINT, "Invocation4XXErrors", where, "Sum"),
            "server errors": Figure(_ENDPOINT, "Invocation5XXErrors", where, "Sum"),
            **{
                f"p{each} ms": Figure(_ENDPOINT, "ModelLatency", where, f"p{each}")
                for each in PERCENTILES
            },
        }
        table = self._read(figures, hours, minutes)
        refused, failed = table.pop("client errors"), table.pop("server errors")
        table["errors"] = refused.fillna(0) + failed.fillna(0)
        table[_named("ms")] *= _MILLI  # reported in microseconds
        return table[table["invocations"] > 0]

    def _read(self, figures: Mapping[str, Figure], hours: float, minutes: int) -> pd.DataFrame:
        if not 0 < hours <= _LONGEST_HOURS or minutes < 1:
            raise InvalidInput(
                f"CloudWatch keeps no minutes of {hours:g} hours.",
                hint=f"Ask for at most {_LONGEST_HOURS} hours, by whole minutes.",
            )
        now = datetime.now(UTC)
        found = read(
            self._platform.aws.cloudwatch,
            figures,
            start=now - timedelta(hours=hours),
            end=now + timedelta(minutes=1),
            period_seconds=60 * minutes,
        )
        columns = {name: pd.Series(values, dtype=float) for name, values in found.items()}
        made = pd.DataFrame(columns)
        made.index = pd.to_datetime(made.index, utc=True)
        return made.rename_axis("minute").sort_index()


def _named(unit: str) -> list[str]:
    return [f"p{each} {unit}" for each in PERCENTILES]
