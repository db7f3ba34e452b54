"""The keys of a rule file, declared once: read from YAML by `read`, published by `schema`."""

from __future__ import annotations

from dataclasses import MISSING, fields
from enum import Enum
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from doctor.apps.topology import Hop
from doctor.engine.actions import ACTIONS, Parameter
from doctor.engine.expression import MAX_LENGTH
from doctor.engine.rule import SYMPTOMS, Confidence, Safety, Severity
from doctor.engine.subjects import SUBJECTS
from doctor.engine.suggest import did_you_mean
from doctor.engine.yaml import Mapping, Node, Scalar, Sequence
from doctor.frozen import frozen

S = TypeVar("S")


class On(str, Enum):
    """What a rule, or one case of it, judges."""

    MACHINE = "machine"
    FILES = "files"


ID = r"^[A-Z]{3}[0-9]{3}$"
NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"


class Key:
    """What a key means, and what JSON Schema can say of its value beyond its type."""

    def __init__(self, text: str, **schema: Any) -> None:
        self.text = text
        self.schema = schema


_SEVERITY = Key("error: broken now. warning: will hurt. info: worth knowing.")
_GIVEN = Key("When it applies; a case's given is added to the rule's.", maxLength=MAX_LENGTH)
_EXPECT = Key("The good state: true is a pass, false a finding.", maxLength=MAX_LENGTH)
_EVIDENCE = Key("Facts to show, the first is the primary one; without it, those that decided.")
_MESSAGE = Key("One sentence, with values as {path:format}.")
_FAULT = Key("The bad state, in place of expect: true is a finding, false a pass.", maxLength=MAX_LENGTH)
_ON = Key("Where it is judged: on a machine, from files alone, or both (without it).")
_FIX = Key("Cures, the best first: fixes, or names of cures (of this rule, or in rules/_cures).")
_EXPLAINS = Key("Names of rules whose findings follow from this one.")


class YesNo(str, Enum):
    """A switch."""

    YES = "true"
    NO = "false"


@frozen
class SourceShape:
    """Where the fault and its cure are documented."""

    title: Annotated[Scalar, Key("Name of the page.")]
    url: Annotated[Scalar, Key("Its address.", pattern="^https?://")]


@frozen
class FixShape:
    """One cure."""

    title: Annotated[Scalar, Key("What is done, as an order.")]
    safety: Annotated[Safety, Key("safe, unsafe or manual (printed only).")]
    when: Annotated[Scalar | None, Key("Offered only when this is true.", maxLength=MAX_LENGTH)] = None
    actions: Annotated[Sequence | None, Key("What is done, in order; each entry one action with its arguments.")] = None
    commands: Annotated[
        tuple[Scalar, ...], Key("Of a manual fix: commands to copy; values are quoted for the shell.")
    ] = ()
    steps: Annotated[tuple[Scalar, ...], Key("Of a manual fix: what to do, in words.")] = ()
    also: Annotated[YesNo | None, Key("true: offered beside another of its class, for people to choose.")] = None


@frozen
class FixList:
    """What stands under `fix`: fixes, and names of cures; a single name may stand alone."""

    entries: tuple[FixShape | Scalar, ...]


@frozen
class CaseShape:
    """One way to tell the fault; what is left out is taken from the rule."""

    expect: Annotated[Scalar | None, _EXPECT] = None
    fault: Annotated[Scalar | None, _FAULT] = None
    on: Annotated[On | None, _ON] = None
    given: Annotated[Scalar | None, _GIVEN] = None
    severity: Annotated[Severity | None, _SEVERITY] = None
    message: Annotated[Scalar | None, _MESSAGE] = None
    evidence: Annotated[tuple[Scalar, ...], _EVIDENCE] = ()
    fix: Annotated[FixList | None, _FIX] = None
    explains: Annotated[tuple[Scalar, ...], _EXPLAINS] = ()


@frozen
class RuleShape:
    """A flaskdoctor rule."""

    id: Annotated[Scalar, Key("Three letters of the layer, three digits.", pattern=ID)]
    name: Annotated[Scalar, Key("Names the fault, in kebab case; the name of the file.", pattern=NAME)]
    title: Annotated[Scalar, Key("The fault in one line.")]
    symptoms: Annotated[tuple[Scalar, ...], Key("What people see.", items={"enum": list(SYMPTOMS)}, minItems=1)]
    confidence: Annotated[Confidence, Key("How sure a finding is.")]
    subject: Annotated[Scalar, Key("What is judged, one at a time.", enum=list(SUBJECTS))]
    why: Annotated[Scalar, Key("The mechanism, in a few sentences.")]
    sources: Annotated[tuple[SourceShape, ...], Key("Primary sources.", minItems=1)]
    severity: Annotated[Severity | None, _SEVERITY] = None
    hop: Annotated[Hop | None, Key("The link of the request's way that breaks.")] = None
    on: Annotated[On | None, _ON] = None
    let: Annotated[Mapping | None, Key("Named conditions, for use in given, expect, fault and when.")] = None
    given: Annotated[Scalar | None, _GIVEN] = None
    expect: Annotated[Scalar | None, _EXPECT] = None
    fault: Annotated[Scalar | None, _FAULT] = None
    evidence: Annotated[tuple[Scalar, ...], _EVIDENCE] = ()
    message: Annotated[Scalar | None, _MESSAGE] = None
    fix: Annotated[FixList | None, _FIX] = None
    explains: Annotated[tuple[Scalar, ...], _EXPLAINS] = ()
    cures: Annotated[Mapping | None, Key("Fixes by name, for cases to name.")] = None
    cases: Annotated[
        tuple[CaseShape, ...], Key("Instead of expect: several ways to tell; the first that fails speaks.", minItems=1)
    ] = ()


@frozen
class _Entry:
    name: str
    hint: Any
    key: Key
    required: bool


_known: dict[type[Any], tuple[_Entry, ...]] = {}


def _entries(cls: type[Any]) -> tuple[_Entry, ...]:
    if cls not in _known:
        _known[cls] = _resolve(cls)
    return _known[cls]


def _resolve(cls: type[Any]) -> tuple[_Entry, ...]:
    hints = get_type_hints(cls, include_extras=True)
    found = []
    for item in fields(cls):
        hint, key = get_args(hints[item.name])
        found.append(_Entry(item.name, _bare(hint), key, item.default is MISSING))
    return tuple(found)


def _bare(hint: Any) -> Any:
    """`X | None` as X."""
    choices = [choice for choice in get_args(hint) if choice is not type(None)]
    return choices[0] if len(choices) == 1 and type(None) in get_args(hint) else hint


def read(cls: type[S], node: Node, what: str) -> S:
    """A mapping as the shape `cls`. Raises `RuleError` at what does not fit."""
    if not isinstance(node, Mapping):
        raise node.error(f"{what} must be a mapping of keys")
    entries = _entries(cls)
    names = [entry.name for entry in entries]
    for key, _ in node.items.values():
        if key.text not in names:
            raise key.error(f"unknown key {key.text!r} in {what}", did_you_mean(key.text, names))
    values: dict[str, Any] = {}
    for entry in entries:
        if entry.name in node.items:
            values[entry.name] = _value(entry.hint, *node.items[entry.name])
        elif entry.required:
            raise node.error(f"{what} has no {entry.name!r}", entry.key.text)
    return cls(**values)


def _value(hint: Any, key: Scalar, node: Node) -> Any:
    if hint is Scalar:
        return _text(key, node)
    if hint is FixList:
        return fix_list(key, node)
    if hint is Mapping:
        if not isinstance(node, Mapping):
            raise node.error(f"{key.text} must be a mapping of names")
        return node
    if get_origin(hint) is tuple:
        if not isinstance(node, Sequence):
            raise node.error(f"{key.text} must be a list")
        [kind, _] = get_args(hint)
        return tuple(_value(kind, key, item) for item in node.items)
    if hint is Sequence:
        if not isinstance(node, Sequence):
            raise node.error(f"{key.text} must be a list")
        return node
    if not issubclass(hint, Enum):
        return read(hint, node, f"an entry of {key.text}")
    word = _text(key, node).text
    choices = {str(member.value): member for member in hint}
    if word not in choices:
        raise node.error(f"unknown {key.text} {word!r}", did_you_mean(word, choices))
    return choices[word]


def fix_list(key: Scalar, node: Node) -> FixList:
    """Fixes and names of cures. Raises `RuleError`."""
    if isinstance(node, Scalar):
        return FixList((_text(key, node),))
    if not isinstance(node, Sequence):
        raise node.error(f"{key.text} must be a list, or the name of a cure")
    entry = f"an entry of {key.text}"
    return FixList(
        tuple(_text(key, item) if isinstance(item, Scalar) else read(FixShape, item, entry) for item in node.items)
    )


def _text(key: Scalar, node: Node) -> Scalar:
    if not isinstance(node, Scalar):
        raise node.error(f"{key.text} must be plain text", "quote a text that starts with { or [")
    if not node.text.strip():
        raise node.error(f"{key.text} is empty")
    return node


def schema() -> dict[str, Any]:
    """JSON Schema of a rule file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "flaskdoctor.rule/1",
        "title": "flaskdoctor rule",
        **_object_schema(RuleShape),
        "oneOf": [{"required": ["expect"]}, {"required": ["fault"]}, {"required": ["cases"]}],
    }


def _object_schema(cls: type[Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [entry.name for entry in _entries(cls) if entry.required],
        "properties": {entry.name: _value_schema(entry) for entry in _entries(cls)},
    }


def _value_schema(entry: _Entry) -> dict[str, Any]:
    body: dict[str, Any]
    if entry.hint is FixList:
        body = _fixes_schema()
    elif entry.hint is Mapping:
        values = _fixes_schema() if entry.name == "cures" else {"type": "string", "maxLength": MAX_LENGTH}
        body = {"type": "object", "additionalProperties": values}
    elif get_origin(entry.hint) is tuple:
        body = {"type": "array", "items": _plain_schema(get_args(entry.hint)[0])}
    elif entry.hint is Sequence:
        body = {"type": "array", "minItems": 1, "items": {"oneOf": [_action_schema(name) for name in ACTIONS]}}
    else:
        body = _plain_schema(entry.hint)
    extra = dict(entry.key.schema)
    if "items" in extra:
        body["items"] = {**body["items"], **extra.pop("items")}
    return {"description": entry.key.text, **body, **extra}


def _fixes_schema() -> dict[str, Any]:
    name = {"type": "string", "pattern": NAME}
    return {"oneOf": [name, {"type": "array", "items": {"oneOf": [name, _object_schema(FixShape)]}}]}


def _plain_schema(hint: Any) -> dict[str, Any]:
    if hint is Scalar:
        return {"type": "string", "minLength": 1}
    if issubclass(hint, Enum):
        return {"type": "string", "enum": [member.value for member in hint]}
    return _object_schema(hint)


def _action_schema(name: str) -> dict[str, Any]:
    parameters = ACTIONS[name].parameters
    if not parameters:
        return {"const": name}
    text = {"type": ["string", "integer"]}
    arguments = {
        "type": "object",
        "additionalProperties": False,
        "required": list(parameters),
        "properties": {
            word: {"type": "array", "minItems": 1, "items": text} if kind is Parameter.TEXTS else text
            for word, kind in parameters.items()
        },
    }
    return {"type": "object", "additionalProperties": False, "required": [name], "properties": {name: arguments}}
