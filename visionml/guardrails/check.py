"""What a check is, what it looks at, and what it finds."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from visionml.contracts.names import Names
from visionml.contracts.settings import Settings
from visionml.guardrails.template import Machine, Resource, Template, machines, resources


@dataclass(frozen=True)
class Subject:
    """An environment as it is about to be deployed."""

    settings: Settings
    templates: Mapping[str, Template]
    """CloudFormation templates by stack."""

    @property
    def names(self) -> Names:
        """The names that the settings give."""
        return Names.of(self.settings)

    def resources(self, *kinds: str) -> Iterator[Resource]:
        """Yield the resources of CloudFormation types, such as ``AWS::CloudWatch::Alarm``."""
        return resources(self.templates, kinds)

    def machines(self) -> Iterator[Machine]:
        """Yield the state machines with their definitions."""
        return machines(self.templates)

    def rollback_alarms(self) -> dict[str, Resource]:
        """Return the alarms that take a rollout back, by name, as far as they are declared."""
        wanted = self.names.rollback_alarms()
        return {
            alarm.properties["AlarmName"]: alarm
            for alarm in self.resources("AWS::CloudWatch::Alarm")
            if alarm.properties.get("AlarmName") in wanted
        }


@dataclass(frozen=True)
class Fault:
    """One mistake."""

    where: str
    """A setting's dotted name, or ``Stack/LogicalId``."""
    what: str
    advice: str


@dataclass(frozen=True)
class Finding:
    """A fault and the check that found it."""

    check: str
    where: str
    what: str
    advice: str

    def __str__(self) -> str:
        return f"{self.check}: {self.where}: {self.what} {self.advice}"


@dataclass(frozen=True)
class Check:
    """A named mistake to look for; ``reason`` says in one sentence what comes of it."""

    name: str
    reason: str
    find: Callable[[Subject], Iterable[Fault]]

    def run(self, subject: Subject) -> list[Finding]:
        """Return what the check finds, unless the settings waive it."""
        if self.name in subject.settings.waived_checks:
            return []
        return [
            Finding(self.name, fault.where, fault.what, fault.advice)
            for fault in self.find(subject)
        ]
