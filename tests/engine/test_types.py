from __future__ import annotations

from dataclasses import dataclass

import pytest

from doctor.apps.topology import App, PeerState
from doctor.engine.expression import ExpressionError, parse
from doctor.engine.subjects import SUBJECTS
from doctor.engine.types import BOOL, NUMBER, STR, Kind, Type, attributes, check, type_of
from doctor.facts.value import Fact, Known
from doctor.sources.systemd import Unit

SCOPE = SUBJECTS["route"].scope


def kind(text: str) -> Type:
    return check(parse(text), SCOPE)


def refuse(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        kind(text)
    return caught.value


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Fact[str], STR),  # type: ignore[misc]
        (Known[int], NUMBER),
        (Fact[str] | None, STR),  # type: ignore[misc]
        (float, NUMBER),
        (bool, BOOL),
        (PeerState, Type(Kind.ENUM, PeerState)),
        (tuple[Fact[str], ...], Type(Kind.LIST, None, (STR,))),
        (Fact[frozenset[int]], Type(Kind.LIST, None, (NUMBER,))),  # type: ignore[misc]
        (tuple[str, int], Type(Kind.TUPLE, None, (STR, NUMBER))),
        (dict[str, int], Type(Kind.LIST, None, (STR,))),
        (int | str, Type(Kind.OPAQUE)),
    ],
)
def test_annotations(annotation: object, expected: Type) -> None:
    assert type_of(annotation) == expected


def test_the_whole_fact_model_is_understood() -> None:
    """Every type reachable from a subject resolves to something a rule can use."""
    seen: set[type] = set()

    def walk(found: Type, where: str) -> None:
        assert found.kind is not Kind.OPAQUE, where
        if found.kind is Kind.OBJECT and found.cls and found.cls not in seen:
            seen.add(found.cls)
            for name, inner in attributes(found.cls).items():
                walk(inner, f"{found.cls.__name__}.{name}")
        for item in found.items:
            walk(item, where)

    for subject in SUBJECTS.values():
        for name, found in subject.scope.items():
            walk(found, name)
    assert {App, Unit} <= seen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app.gunicorn.settings.workers", NUMBER),
        ("app.gunicorn.settings.workers + 1", NUMBER),
        ("app.units[0].name", STR),
        ("route.location.headers[0][1]", STR),
        ("len(app.units)", NUMBER),
        ("count(u for u in app.units)", NUMBER),
        ("count(u.restarts > 3 for u in app.units)", NUMBER),
        ("any(p.local and not p.down for p in route.upstream.peers)", BOOL),
        ("any(any(p.down for p in r.upstream.peers) for r in app.routes)", BOOL),
        ('route.state == "ours"', BOOL),
        ('route.state in ["ours", "remote"]', BOOL),
        ("route.state == null", BOOL),
        ("route.peer.address in app.binds", BOOL),
        ('"gevent" in app.code.uses', BOOL),
        ('"x" in app.name', BOOL),
        ("1 < app.gunicorn.settings.workers <= 4", BOOL),
        ('version(app.gunicorn.version_running) < version("20.1")', BOOL),
        ('origin(app.gunicorn.settings.workers) == "default"', BOOL),
        ("app.unit.working_directory == app.release.link", BOOL),
        ("app.unit.drop_ins == []", BOOL),
        ('["/x"] == app.unit.drop_ins', BOOL),
    ],
)
def test_types(text: str, expected: Type) -> None:
    assert kind(text) == expected


@pytest.mark.parametrize(
    ("text", "offset", "message", "hint"),
    [
        ("ap.name == 'x'", 0, "unknown name 'ap'", "did you mean 'app'?"),
        ("exists == 1", 0, "unknown name 'exists'", "exists is a function"),
        ("app.gunicorn.settings.worker > 1", 22, "Settings has no attribute 'worker'", "did you mean 'workers'?"),
        ("app.name.length > 1", 9, "a string has no attribute 'length'", ""),
        ("app.units.name == 'x'", 10, "a list of Unit has no attribute 'name'", "any(… for x in …)"),
        ("app.name == 3", 0, "cannot compare a string with a number", ""),
        ("true and app.name == 3", 9, "cannot compare a string with a number", ""),
        ("app.service.socket_activated == 1", 0, "cannot compare a boolean with a number", ""),
        ("app.name < 'b'", 0, "cannot order a string and a string", "version(…)"),
        ("app.name < 3", 0, "cannot order a string and a number", ""),
        ("3 in app.code.uses", 0, "cannot compare a number with items of a string", ""),
        ("'x' in app.gunicorn.settings.workers", 7, "cannot look for a string in a number", ""),
        ("route.state == 'our'", 15, "PeerState is never 'our'", "did you mean 'ours'?"),
        ("'our' == route.state", 0, "PeerState is never 'our'", "did you mean 'ours'?"),
        ("route.state in ['ours', 'strange']", 24, "PeerState is never 'strange'", "did you mean 'stranger'?"),
        ("app.name and true", 0, "and needs true or false, this is a string", "exists(…) or a comparison"),
        ("not app.units", 4, "not needs true or false, this is a list of Unit", "exists(…) or a comparison"),
        ("any(u.name for u in app.units)", 4, "any needs true or false, this is a string", "exists(…) or a comparison"),
        ("any(u for u in app.units)", 4, "any needs true or false, this is a Unit", "exists(…) or a comparison"),
        ("any(true for u in app.name)", 18, "cannot loop over a string", ""),
        ("any(true for app in app.units)", 0, "'app' is taken", "name the loop's variable differently"),
        ("exist(app.unit)", 0, "unknown function 'exist'", "did you mean 'exists'?"),
        ("exists(1)", 7, "exists needs a fact", "exists(fact)"),
        ("lower(3) == 'x'", 6, "lower needs a string, this is a number", "lower(text)"),
        ("startswith(app.name)", 0, "startswith takes 2 argument(s), not 1", "startswith(text, start)"),
        ("len(3) > 1", 4, "a number has no length", ""),
        ("matches(app.name, app.name)", 18, "a pattern is written out", 'matches(x, r"…")'),
        ("matches(app.name, '(')", 18, "not a pattern: missing ), unterminated subpattern at position 0", ""),
        ("app.name + 'x' == 'y'", 0, "cannot use + on a string", ""),
        ("app.gunicorn[0] == null", 0, "a Gunicorn has no index", ""),
        ("route.location.headers[0][2] == 'x'", 0, "this tuple has 2 parts, there is no [2]", ""),
        ("app.name in [1, 'x']", 16, "a list of one type only: number first, string here", ""),
        ("app.units == app.routes", 0, "cannot compare a list of Unit with a list of Route", ""),
        ("app.unit.drop_ins == [1]", 0, "cannot compare a list of string with a list of number", ""),
        ("app.unit == app.name", 0, "cannot compare a Unit with a string", ""),
    ],
)
def test_what_is_refused(text: str, offset: int, message: str, hint: str) -> None:
    error = refuse(text)
    assert (error.message, error.hint, error.offset) == (message, hint, offset)


def test_a_long_pattern_is_refused() -> None:
    assert "at most 200" in refuse(f"matches(app.name, r'{'a' * 201}')").message


@dataclass(frozen=True, slots=True)
class _Sample:
    field: Fact[int]
    _hidden: int

    @property
    def derived(self) -> str:
        return ""

    @property
    def untyped(self):  # type: ignore[no-untyped-def]
        return ""

    @property
    def _private(self) -> str:
        return ""

    def method(self) -> str:
        return ""


def test_attributes_are_fields_and_annotated_properties() -> None:
    assert attributes(_Sample) == {"field": NUMBER, "derived": STR}


def test_only_public_fields_can_be_named() -> None:
    for word in ("__class__", "__init__", "__dataclass_fields__", "_x"):
        assert refuse(f"app.{word} == null").message == f"App has no attribute {word!r}"
