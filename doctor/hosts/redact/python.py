"""Secrets in Python source: every string that may become the value of a name is hidden, by its place in the syntax.

What only names something stays (variables, keys, modules), and so do the settings of Gunicorn. Where the text does
not compile, every string is hidden. Why it is built so: docs/adr/0007-redaction-by-position.md.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from doctor.grammar.bounds import Literal
from doctor.grammar.outline import Assignment, Call, Expression, Outline
from doctor.grammar.positions import PATHS_OF_FLASK, Role, Span, settings, spans
from doctor.grammar.pytext import Piece, pieces
from doctor.hosts.hidden import TOKEN
from doctor.hosts.redact import secrets
from doctor.hosts.redact.commandline import ENV_ASSIGNMENT, token
from doctor.hosts.redact.hider import Hider
from doctor.hosts.redact.text import generic

PARSE_LIMIT = 1 << 20
"""Characters of one text that are parsed; a longer one is cleaned as if it did not compile."""

_NAME = re.compile(r"[A-Za-z_][\w.-]{0,99}")
_DUNDER = re.compile(r"__\w{1,60}__")
_MODULE = re.compile(r"[a-z_][a-z0-9_]{0,60}(?:\.[A-Za-z_][A-Za-z0-9_]{0,60}){1,20}(?::\w{1,60})?")
_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,59}|[A-Z][a-z]{1,20}(?:-[A-Z][a-z]{1,20}){0,5}|X-[A-Z-]{1,40}")
"""A setting, or a header of HTTP."""
_ROUTE = re.compile(r"(?:/(?:<[\w:]{1,60}>|[A-Za-z_-]{1,24}|v\d{1,2}|[a-z_-]{1,24}\.[a-z]{1,5})?){1,20}")
_QUOTED = re.compile(r"(?P<head>[\"'])(?P<value>[^\"'\n]{1,1000})")
_GIVEN = re.compile(r"(?P<head>\b[A-Za-z_][\w.]{0,60}[\"']?\]?[ \t]{0,20}=[ \t]{0,20})(?P<value>[^\s=][^\n]*)")
_ADDRESS = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|localhost|\[::1?\])(?::\d{1,5})?")
_LONG_NUMBER = re.compile(r"-?\d{4,}")


def redact_python(hider: Hider, text: str, *, role: Role | None = None) -> str:
    """Python source, which keeps its syntax and its lines; with `role` an expression whose value has that role."""
    found = _spans(text, role)
    if found is None:
        return _without_syntax(hider, text)
    shown: list[str] = []
    at = 0
    for piece, span in _matched(list(pieces(text)), found):
        start, end = (piece.start, piece.end) if piece is not None else (span.start, span.end) if span else (at, at)
        if start < at:
            continue
        shown.append(text[at:start])
        inner = text[start:end]
        if piece is None:
            shown.append(f'"{hider.hide(inner)}"' if _LONG_NUMBER.fullmatch(inner) else inner)
        elif piece.comment:
            shown.append(_comment(hider, inner))
        else:
            shown.append(_string(hider, inner, span.role if span is not None else Role.VALUE, piece))
        at = end
    shown.append(text[at:])
    return "".join(shown)


def redact_outline(hider: Hider, outline: Outline) -> Outline:
    """What an outline may hold of the values in a Python source file, by the places they stand in."""
    shown = settings_of(outline.assignments)
    named = [item.value for item in outline.assignments if secrets.is_secret_name(item.name)]
    known = {value for value in named if isinstance(value, str) and len(value) > 1}

    def role(item: Assignment) -> Role:
        if item.name in shown:
            # An outline puts in what a name holds: `bind = TOKEN`.
            told = isinstance(item.value, str) and any(value in item.value for value in known)
            return Role.SECRET if told else Role.SETTING
        return Role.NAME if item.name == "__all__" else _role_of(item.name)

    return replace(
        outline,
        assignments=tuple(
            replace(item, value=_value_of(hider, item.value, role(item))) for item in outline.assignments
        ),
        calls=tuple(_call(hider, call) for call in outline.calls),
        routes=tuple(_route(hider, path) for path in outline.routes),
    )


def _call(hider: Hider, call: Call) -> Call:
    of_flask = PATHS_OF_FLASK if call.function.rpartition(".")[2] == "Flask" else frozenset()
    return replace(
        call,
        arguments=tuple(_value_of(hider, value, Role.MODULE) for value in call.arguments),
        keywords=tuple(
            (name, _value_of(hider, value, Role.SETTING if name in of_flask else _role_of(name)))
            for name, value in call.keywords
        ),
    )


def _value_of(hider: Hider, value: Literal | Expression, role: Role) -> Literal | Expression:
    if isinstance(value, Expression):
        return Expression(redact_python(hider, value.text, role=role))
    return shown_literal(hider, value, role)


def _route(hider: Hider, path: str) -> str:
    """The URL path of a route, which may hold what only the caller of a webhook knows."""
    shown = shown_literal(hider, path, Role.ROUTE)
    return shown if isinstance(shown, str) else ""


def _literal_text(hider: Hider, value: str) -> str:
    """The inside of a string literal; `NAME=value` is an entry of Gunicorn's raw_env."""
    assignment = ENV_ASSIGNMENT.fullmatch(value)
    if assignment and assignment.group(1).isupper():
        return f"{assignment.group(1)}={token(hider, assignment.group(1), assignment.group(2))}"
    return hider.hide(value) if secrets.RANDOM.fullmatch(value) else generic(hider, value)


def settings_of(assignments: tuple[Assignment, ...]) -> frozenset[str]:
    """Names of an outline whose values are shown: settings of Gunicorn, and what goes into one."""
    values: dict[str, list[ast.expr]] = {}
    for item in assignments:
        tree = _parse(getattr(item.value, "text", ""), "eval")
        values.setdefault(item.name, []).extend([tree.body] if isinstance(tree, ast.Expression) else [])
    return settings(values, secrets.is_secret_name)


def shown_literal(hider: Hider, value: Literal, role: Role) -> Literal:
    """What an outline holds of a value that was worked out."""
    if isinstance(value, tuple):
        return tuple(shown_literal(hider, item, Role.MODULE if role is Role.VALUE else role) for item in value)
    if isinstance(value, str):
        return value if _is_plain(value, role) else _setting_or_token(hider, value, role)
    if role is Role.SECRET and value is not None and not isinstance(value, bool):
        return hider.hide(str(value))
    return value


def _setting_or_token(hider: Hider, value: str, role: Role) -> str:
    return _literal_text(hider, value) if role is Role.SETTING else hider.hide(value)


def _parse(text: str, mode: str) -> ast.AST | None:
    if not text or len(text) > PARSE_LIMIT:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode=mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def compiles(text: str) -> bool:
    """Whether a text is whole statements."""
    return _parse(text, "exec") is not None


def _spans(text: str, role: Role | None) -> list[Span] | None:
    tree = _parse(text.lstrip("\ufeff") if role is None else text, "exec" if role is None else "eval")
    if not isinstance(tree, (ast.Module, ast.Expression)) or text.startswith("\ufeff"):
        return None
    try:
        return spans(tree, text, role or Role.VALUE, secrets.is_secret_name)
    except RecursionError:
        return None


def _matched(found: list[Piece], places: list[Span]) -> list[tuple[Piece | None, Span | None]]:
    """Pieces with the innermost literal of the tree that holds each, and the numbers, in the order of the text."""
    result: list[tuple[Piece | None, Span | None]] = []
    around: list[Span] = []
    at = 0
    for piece in found:
        where = piece.start if piece.comment else piece.literal
        while at < len(places) and places[at].start <= where:
            span = places[at]
            at += 1
            if span.number:
                result.append((None, span))
            else:
                around.append(span)
        while around and around[-1].end <= where:
            around.pop()
        result.append((piece, around[-1] if around else None))
    result += [(None, span) for span in places[at:] if span.number]
    return result


def _is_plain(value: str, role: Role) -> bool:
    """It has the form of what its place asks for."""
    match role:
        case Role.NAME:
            form: re.Pattern[str] | None = _NAME
        case Role.MODULE:
            form = _MODULE
        case Role.KEY:
            form = _KEY
        case Role.ROUTE:
            form = _ROUTE
        case Role.FOLDER:
            return value.startswith("/") and "\n" not in value
        case _:
            form = None
    if form is not None and form.fullmatch(value):
        return not secrets.RANDOM.fullmatch(value) and not secrets.KNOWN_SHAPE.search(value)
    # One character is no secret, nor is an address.
    return len(value) < 2 or (role is not Role.SECRET and bool(_DUNDER.fullmatch(value) or _ADDRESS.fullmatch(value)))


def _string(hider: Hider, inner: str, role: Role, piece: Piece) -> str:
    if not inner or _is_plain(inner, role):
        return inner
    if role is Role.PROSE:
        return _same_lines(inner, partial(generic, hider))
    if role is Role.SETTING:
        return _same_lines(inner, partial(_literal_text, hider))
    return _hidden(hider, inner, piece)


def _hidden(hider: Hider, inner: str, piece: Piece) -> str:
    """The token, with as many lines as there were."""
    lines = inner.count("\n")
    if TOKEN.fullmatch(inner.replace("\\\n", "").strip("\n")):
        return inner
    return hider.hide(inner) + ("\n" if piece.several_lines else "\\\n") * lines


def _comment(hider: Hider, text: str) -> str:
    """A line of code that was taken out, or words: what is in quotes or after an equals sign is hidden."""

    def hidden(match: re.Match[str]) -> str:
        value = match["value"]
        return match["head"] + (value if TOKEN.search(value) else hider.hide(value))

    head, sign, rest = text.partition("#")
    given = _GIVEN.search(rest) is not None
    rest = _GIVEN.sub(hidden, rest, count=1) if given else _QUOTED.sub(hidden, rest)
    return generic(hider, head + sign + rest)


def _without_syntax(hider: Hider, text: str) -> str:
    shown: list[str] = []
    at = 0
    for piece in pieces(text, fields=False):
        inner = text[piece.start : piece.end]
        shown.append(generic(hider, text[at : piece.start]))
        shown.append(_comment(hider, inner) if piece.comment else _hidden(hider, inner, piece) if inner else "")
        at = piece.end
    shown.append(generic(hider, text[at:]))
    return "".join(shown)


def _same_lines(text: str, clean: Callable[[str], str]) -> str:
    """What `clean` makes of a text of several lines, with as many lines."""
    shown = clean(text)
    if shown.count("\n") != text.count("\n"):
        shown = clean(text.rstrip("\n")).replace("\n", " ") + "\n" * text.count("\n")
    return shown


def _role_of(name: str) -> Role:
    return Role.SECRET if secrets.is_secret_name(name) else Role.VALUE
