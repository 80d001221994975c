"""CloudFormation templates as checks read them: resources, and state machines with their steps."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Template = Mapping[str, Any]


@dataclass(frozen=True)
class Resource:
    """One resource of a template."""

    where: str
    """``Stack/LogicalId``."""
    kind: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One state of a machine, its maps' and branches' states included."""

    where: str
    """``Stack/LogicalId#State``."""
    name: str
    state: Mapping[str, Any]

    @property
    def resource(self) -> str:
        """What a task calls, such as ``sagemaker:updateEndpoint``; empty for other states."""
        return str(self.state.get("Resource", "")).removeprefix("arn:aws:states:::")

    @property
    def arguments(self) -> Any:
        """A task's arguments: a mapping, or a whole expression as text."""
        return self.state.get("Arguments", self.state.get("Parameters", {}))

    def calls(self, *actions: str) -> bool:
        """Say whether it calls one of these actions, such as ``updateEndpoint``."""
        return self.resource.rpartition(":")[2].partition(".")[0] in actions

    def following(self) -> set[str]:
        """Return the names of the states that may come next, as long as nothing fails."""
        choices = [each.get("Next") for each in self.state.get("Choices", [])]
        names = (self.state.get("Next"), self.state.get("Default"), *choices)
        return {name for name in names if name}


@dataclass(frozen=True)
class Machine:
    """A state machine."""

    where: str
    steps: tuple[Step, ...]

    def after(self, start: Step, *, without: frozenset[str] = frozenset()) -> list[Step]:
        """Return the steps that may come after one, on ways that avoid those in `without`."""
        named = {step.name: step for step in self.steps}
        reached: dict[str, Step] = {}
        waiting = list(start.following())
        while waiting:
            name = waiting.pop()
            if name in reached or name in without or name not in named:
                continue
            reached[name] = named[name]
            waiting.extend(named[name].following())
        return list(reached.values())


def resources(templates: Mapping[str, Template], kinds: tuple[str, ...]) -> Iterator[Resource]:
    """Yield the resources of some types."""
    for stack, template in templates.items():
        for logical_id, resource in template.get("Resources", {}).items():
            if resource["Type"] in kinds:
                yield Resource(
                    f"{stack}/{logical_id}", resource["Type"], resource.get("Properties", {})
                )


def machines(templates: Mapping[str, Template]) -> Iterator[Machine]:
    """Yield the state machines; references in their definitions are written as ``<Name>``."""
    for resource in resources(templates, ("AWS::StepFunctions::StateMachine",)):
        definition = json.loads(text(resource.properties["DefinitionString"]))
        yield Machine(resource.where, tuple(_steps(definition, resource.where)))


def _steps(definition: Mapping[str, Any], where: str) -> Iterator[Step]:
    for name, state in definition.get("States", {}).items():
        yield Step(f"{where}#{name}", name, state)
        for inner in (
            state.get("ItemProcessor"),
            state.get("Iterator"),
            *state.get("Branches", ()),
        ):
            if inner:
                yield from _steps(inner, where)


def text(value: Any) -> str:
    """Return a template's value as text, with ``<LogicalId>`` for what is known later."""
    if not isinstance(value, Mapping):
        return str(value)
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(map(text, argument[1]))
    if function == "Fn::GetAtt":
        return f"<{'.'.join(map(str, argument))}>"
    if function in {"Ref", "Fn::ImportValue", "Fn::Sub"}:
        return f"<{text(argument)}>"
    return f"<{function}>"


def mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every mapping in a JSON value, from the outside in."""
    if isinstance(value, Mapping):
        yield value
        for each in value.values():
            yield from mappings(each)
    elif isinstance(value, list):
        for each in value:
            yield from mappings(each)
