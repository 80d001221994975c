"""Model versions in Parameter Store: what each is made of, and which is active."""

from datetime import datetime

from pydantic import ValidationError

from visionml.aws.parameters import Parameter
from visionml.contracts.names import active_version_parameter, version_parameter, versions_path
from visionml.contracts.registry import VersionRecord
from visionml.errors import Conflict, InvalidInput, NotFound
from visionml.registry.ports import ParameterStore


class Versions:
    """The versions under one resource prefix, such as ``ml-pipeline``."""

    def __init__(self, store: ParameterStore, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    def read(self, version: str) -> VersionRecord:
        """Return a registered version.

        Raises
        ------
        NotFound
            No such version is registered.
        InvalidInput
            Its parameter does not hold a version record.
        """
        name = version_parameter(self._prefix, version)
        try:
            text = self._store.get(name)
        except NotFound as error:
            raise NotFound(
                f"The model version {version} is not registered: there is no parameter {name}.",
                hint=f"The registered versions stand under {versions_path(self._prefix)}.",
            ) from error
        return _parse(name, text)

    def find(self, version: str) -> VersionRecord | None:
        """Return a registered version, or None."""
        try:
            return self.read(version)
        except NotFound:
            return None

    def write(self, record: VersionRecord) -> VersionRecord:
        """Write a new version's record and return the stored one: the first to come stays."""
        name = version_parameter(self._prefix, record.version)
        try:
            self._store.put(name, record.model_dump_json(), new=True)
        except Conflict:
            return self.read(record.version)
        return record

    def registered(self) -> list[VersionRecord]:
        """Return every registered version, the newest first.

        Parameters that hold something else are left out: they cannot be deployed either.
        """
        found = []
        for parameter in self._store.under(versions_path(self._prefix)):
            if parameter.name.endswith("/metadata"):
                try:
                    found.append(_parse(parameter.name, parameter.value))
                except InvalidInput:
                    continue
        return sorted(found, key=lambda record: record.version, reverse=True)

    def expire(self, record: VersionRecord, moment: datetime) -> VersionRecord:
        """Write that a version's artefact is gone for good; the first time stays."""
        if record.expired:
            return record
        expired = record.model_copy(update={"expired": moment})
        name = version_parameter(self._prefix, record.version)
        self._store.put(name, expired.model_dump_json())
        return expired

    def active(self) -> str | None:
        """Return the version in production, or None before the first promotion."""
        found = self.asked_for()
        return found.value if found else None

    def asked_for(self) -> Parameter | None:
        """Return active-version as it is now, whatever it holds and whoever wrote it."""
        return self._store.find(active_version_parameter(self._prefix))

    def activate(self, version: str) -> None:
        """Say that a version is in production; saying it again changes nothing."""
        if self.active() != version:
            self._store.put(active_version_parameter(self._prefix), version)

    def deactivate(self) -> None:
        """Say that no version is in production."""
        self._store.delete(active_version_parameter(self._prefix))


def _parse(name: str, text: str) -> VersionRecord:
    try:
        return VersionRecord.model_validate_json(text)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'value'}: {fault['msg']}"
            for fault in error.errors()
        )
        raise InvalidInput(
            f"The parameter {name} does not hold a model version's record: {faults}.",
            hint="Restore an earlier value from the parameter's history.",
        ) from error
