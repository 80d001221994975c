"""Tables of the catalog: which objects belong to one, and which values of partitions they have."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from visionml.local import ministack
from visionml.local.analytics.objects import Found, Objects

_RELATIVE = re.compile(r"NOW(?:([+-]\d+)(DAY|HOUR|WEEK|MONTH|YEAR)S?)?")
_DAYS = {"DAY": 1.0, "HOUR": 1 / 24, "WEEK": 7.0, "MONTH": 30.0, "YEAR": 365.0}
_JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M"}
_FORMATS = ("parquet", "json", "csv", "orc", "avro")


class TableUnfit(Exception):
    """What the catalog says of a table cannot be followed; the text says why."""


@dataclass
class Part:
    """The objects of one partition; of a table without partitions there is one part."""

    values: tuple[str, ...]
    files: list[Found] = field(default_factory=list)


@dataclass(frozen=True)
class CatalogTable:
    """A table as Glue describes it."""

    record: Mapping[str, Any]

    @property
    def location(self) -> str:
        """Where its objects lie, with a slash at the end."""
        return str(self._storage.get("Location", "")).rstrip("/") + "/"

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Names and types of the columns that are in the files."""
        return _columns(self._storage.get("Columns"))

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Names and types of the partition keys."""
        return _columns(self.record.get("PartitionKeys"))

    @property
    def parameters(self) -> dict[str, str]:
        """Such as ``projection.enabled``."""
        return {k: str(v) for k, v in (self.record.get("Parameters") or {}).items()}

    @property
    def serde(self) -> dict[str, str]:
        """The parameters of its SerDe, such as ``separatorChar``."""
        return dict((self._storage.get("SerdeInfo") or {}).get("Parameters") or {})

    @property
    def form(self) -> str:
        """``parquet``, ``json`` or ``csv``, by its classification, else by its classes."""
        library = (self._storage.get("SerdeInfo") or {}).get("SerializationLibrary", "")
        said = self.parameters.get("classification") or (
            f"{self._storage.get('InputFormat', '')} {library}"
        )
        return next((each for each in _FORMATS if each in said.lower()), "csv")

    @property
    def _storage(self) -> Mapping[str, Any]:
        return self.record.get("StorageDescriptor") or {}

    def parts(self, objects: Objects) -> list[Part]:
        """Return its partitions that have objects.

        Raises
        ------
        TableUnfit
            Its projection cannot be followed.
        Refused
            The objects may not be listed.
        """
        if not self.keys:
            files = list(objects.below(self.location))
            return [Part((), files)] if files else []
        if self.parameters.get("projection.enabled", "").lower() == "true":
            return self._projected(objects.below(self.location))
        registered = ministack.glue_partitions(self.record["DatabaseName"], self.record["Name"])
        found = [
            Part(tuple(each["Values"]), list(objects.below(_location(each)))) for each in registered
        ]
        return [part for part in found if part.files]

    def _projected(self, files: Iterable[Found]) -> list[Part]:
        """Sort objects by the template; what lies elsewhere, or out of range, is not seen."""
        names = [name for name, _type in self.keys]
        default = self.location + "".join(f"{name}=${{{name}}}/" for name in names)
        template = self.parameters.get("storage.location.template", default).rstrip("/") + "/"
        pieces = re.split(r"\$\{(\w+)\}", template)
        pattern = "".join(
            f"(?P<{piece}>[^/]+)" if index % 2 else re.escape(piece)
            for index, piece in enumerate(pieces)
        )
        known = {name: self._domain(name) for name in names}
        parts: dict[tuple[str, ...], Part] = {}
        for each in files:
            match = re.match(pattern, f"s3://{each.bucket}/{each.key}")
            if match and all(known[name](match[name]) for name in names):
                values = tuple(match[name] for name in names)
                parts.setdefault(values, Part(values)).files.append(each)
        return [parts[values] for values in sorted(parts)]

    def _domain(self, key: str) -> Any:
        """Return what tells whether a value is among those that are projected."""
        said = {
            name.removeprefix(f"projection.{key}."): value
            for name, value in self.parameters.items()
            if name.startswith(f"projection.{key}.")
        }
        match said.get("type", ""):
            case "enum":
                return {each.strip() for each in said["values"].split(",")}.__contains__
            case "integer":
                low, high = (int(each) for each in said["range"].split(","))
                return lambda value: value.lstrip("-").isdigit() and low <= int(value) <= high
            case "date":
                return _dates(said.get("range", ""), said.get("format", ""))
        raise TableUnfit(
            f"INVALID_TABLE_PROPERTY: the projection of {key} has the type "
            f"{said.get('type', '')!r}; here date, enum and integer are followed."
        )


def _dates(bounds: str, form: str) -> Any:
    python = re.sub("yyyy|MM|dd|HH|mm", lambda found: _JAVA[found[0]], form).replace("'", "")
    low, high = (_moment(each.strip(), python) for each in bounds.split(","))

    def known(value: str) -> bool:
        try:
            return low <= datetime.strptime(value, python).replace(tzinfo=UTC) <= high
        except ValueError:
            return False

    return known


def _moment(bound: str, form: str) -> datetime:
    relative = _RELATIVE.fullmatch(bound)
    if not relative:
        return datetime.strptime(bound, form).replace(tzinfo=UTC)
    now = datetime.now(UTC)
    if not relative[1]:
        return now
    moment = now + timedelta(days=int(relative[1]) * _DAYS[relative[2]])
    # a day that has begun is within the range
    return datetime.combine(date.fromordinal(moment.toordinal()), datetime.min.time(), UTC)


def _location(partition: Mapping[str, Any]) -> str:
    return str((partition.get("StorageDescriptor") or {}).get("Location", ""))


def _columns(columns: Iterable[Mapping[str, Any]] | None) -> list[tuple[str, str]]:
    return [(str(each["Name"]), str(each.get("Type", "string"))) for each in columns or []]


def files_of(parts: Iterable[Part]) -> Iterator[Found]:
    """Yield all objects of some partitions."""
    for part in parts:
        yield from part.files
