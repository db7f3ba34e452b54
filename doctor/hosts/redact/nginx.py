"""Secrets in the configuration of nginx: in headers it sets, parameters, variables, conditions, maps and comments.

The words are those that nginx reads (`doctor.grammar.nginx`), and then those that may be meant: nothing hides behind a
quote that is too many, or in what was commented out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from doctor.frozen import frozen
from doctor.grammar.nginx import Kind, Reading, Token, tokens
from doctor.hosts.redact import secrets
from doctor.hosts.redact.commandline import token as variable
from doctor.hosts.redact.hider import Hider
from doctor.hosts.redact.text import generic

_GIVEN = frozenset({"add_header", "add_trailer", "set"})
_GIVEN_ENDS = ("_set_header", "_param", "_hide_header")
"""Directives that give a value a name: `add_header NAME VALUE`."""
_HEADER_LINES = "more_set_"
"""Begins those of headers-more-nginx-module: `more_set_headers "NAME: VALUE"`."""
_OF_LINKS = frozenset({"secure_link_secret", "secure_link_md5"})
_MAPS = frozenset({"map", "geo"})
_FLAGS = frozenset({"always", "if_not_empty"})

_SIGNS = (*_GIVEN_ENDS, *_GIVEN, "secure_link", "map", "geo", "if", "env")
"""Without any of them a text has no directive that is looked at."""

_NO_NAME = re.compile(r"\W")
_LONGEST_NAME = 60
_LOOK = 8
"""Words of what may be a directive within another, where a ";" is missing."""

_CONDITION = re.compile(
    r"(?P<head>\([ \t]*(?P<name>\$\w+)[ \t]*(?P<operator>=|!=|!?~\*?)[ \t]*)(?P<value>"
    + secrets.QUOTED
    + r"|[^\s\"')]+)"
)
"""In the words of an `if`, of which nginx makes a condition."""
_HEADER_LINE = re.compile(r"(?P<head>[\"']?(?P<name>[\w-]{1,100}):[ \t]*)(?P<value>[^\n]+)")
_REFERENCE = re.compile(r"[\"']?(?:(?:Bearer|Basic|Token)[ \t]+)?(?:\$\{?\w+\}?[ \t;=:,-]*)+[\"']?")
_MAP_WORDS = frozenset({"default", "hostnames", "volatile", "include", "ranges", "delete", "proxy", ""})
_MAP_OPTIONS = frozenset({"include", "delete", "proxy"})

_URL = re.compile(r"https?://|unix:|[~^*@(]|\w{2,10}/\d")
_HEADERS = re.compile(
    r"host|x-(?:real-ip|real-port|scheme|proto|port|prefix|script-name|request-\w+|original-[\w-]+|url-scheme|nginx-\w+"
    r"|ssl[\w-]*|client-[\w-]+|forwarded[\w-]*|accel-[\w-]+|sendfile-type|frame-options|requested-with)"
    r"|forwarded|connection|upgrade[\w-]*|accept[\w-]*|content-[\w-]+|user-agent|referer|origin|range|if-[\w-]+|early-data"
    r"|cache-control|pragma|expect|te|trailer|transfer-encoding|via|date|proxy|keep-alive|sec-websocket-[\w-]+"
)
"""Headers of requests that hold no secret, and that rules judge by. What else nginx adds may be a shared secret."""


@frozen
class _Edit:
    """What is shown in the place of a part of the text."""

    start: int
    stop: int
    shown: str


@frozen
class _Block:
    """Where its entries have a secret: in their keys, in their values; nowhere unless it is a map."""

    keys: bool = False
    values: bool = False
    commented: bool = False
    """It is in a comment, and so are its entries."""


_NO_MAP = _Block()


def redact_nginx(hider: Hider, text: str) -> str:
    """A file of nginx, or as much of one as there is."""
    if any(sign in text for sign in _SIGNS):
        for reading in Reading:
            text = _edited(text, _edits(hider, text, reading))
    text = _edited(text, _comments(hider, text))
    return generic(hider, text, colon=False)


def _edited(text: str, edits: Iterator[_Edit]) -> str:
    """The text with as many lines; of two edits in one place the longer counts."""
    shown: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, -edit.stop)):
        if edit.start >= at:
            lines = text.count("\n", edit.start, edit.stop) - edit.shown.count("\n")
            shown += (text[at : edit.start], edit.shown, "\n" * lines)
            at = edit.stop
    return "".join((*shown, text[at:]))


def _comments(hider: Hider, text: str) -> Iterator[_Edit]:
    stop = 0
    for token in tokens(text, Reading.LOOSE) if "#" in text else ():
        if token.kind is Kind.COMMENT and token.start >= stop:
            stop = text.find("\n", token.start)
            stop = stop if stop >= 0 else len(text)
            yield _Edit(token.start, stop, generic(hider, text[token.start : stop]))


def _edits(hider: Hider, text: str, reading: Reading) -> Iterator[_Edit]:
    around: list[_Block] = []
    words: list[Token] = []
    comment = 0
    for token in tokens(text, reading):
        if token.is_word:
            words.append(token)
        elif token.kind is Kind.COMMENT:
            comment = token.line
        else:
            commented = token.line == comment and reading is Reading.LOOSE
            if token.kind in (Kind.END, Kind.CLOSE) and around and around[-1].commented == commented:
                yield from _entry(hider, text, words, around[-1])
            yield from _directives(hider, text, words)
            if token.kind is Kind.OPEN:
                around.append(_opened(words, commented))
            elif token.kind is Kind.CLOSE and around:
                around.pop()
            words = []
    yield from _directives(hider, text, words)


def _directives(hider: Hider, text: str, words: Sequence[Token]) -> Iterator[_Edit]:
    """What the words hide as one directive, and as those that run together in it."""
    yield from _directive(hider, text, words)
    for number, word in enumerate(words):
        if number and not word.quoted and _is_looked_at(_name(word)):
            yield from _directive(hider, text, words[number : number + _LOOK])


def _name(word: Token) -> str:
    """The directive that a word begins, without what is glued to it."""
    return "if" if "if(" in word.text else _NO_NAME.split(word.text[-_LONGEST_NAME:])[-1]


def _gives(name: str) -> bool:
    return name in _GIVEN or name.endswith(_GIVEN_ENDS)


def _is_looked_at(name: str) -> bool:
    return _gives(name) or name.startswith(_HEADER_LINES) or name in _OF_LINKS or name in ("if", "env")


def _opened(words: Sequence[Token], commented: bool) -> _Block:
    at = next((number for number in range(len(words) - 1, -1, -1) if _name(words[number]) in _MAPS), -1)
    if at < 0:
        return _NO_MAP
    secret = [_is_secret(word.text) for word in words[at + 1 :]]
    if _name(words[at]) == "geo" and len(secret) == 1:  # `geo $variable {`: the keys are addresses of clients
        return _Block(values=secret[0], commented=commented)
    return _Block(any(secret[:1]), any(secret[1:]), commented)


def _entry(hider: Hider, text: str, words: Sequence[Token], block: _Block) -> Iterator[_Edit]:
    if block.keys:
        yield from (_hidden(hider, text, word) for word in words[:1] if word.text not in _MAP_WORDS)
    if block.values and words and words[0].text not in _MAP_OPTIONS:
        yield from _values(hider, text, words[1:])


def _directive(hider: Hider, text: str, words: Sequence[Token]) -> Iterator[_Edit]:
    name = _name(words[0]) if words else ""
    if _gives(name) and len(words) > 2:
        if _gives_secret(name, words[1].text, _written(text, words[2])):
            yield from _values(hider, text, words[2:])
    elif name.startswith(_HEADER_LINES):
        for word in words[1:]:
            yield from _header_line(hider, text, word)
    elif name in _OF_LINKS:
        yield from _values(hider, text, words[1:])
    elif name == "env":
        yield from (_environment(hider, text, word) for word in words[1:2] if "=" in word.text)
    elif name == "if":
        yield from _condition(hider, text, words[0].start, words[-1].stop)


def _values(hider: Hider, text: str, words: Sequence[Token]) -> Iterator[_Edit]:
    """Of a value without quotes all words, but none of the next line, where another directive may begin."""
    for number, word in enumerate(words):
        if number and (word.line > words[number - 1].line or word.text in _FLAGS):
            return
        if not _REFERENCE.fullmatch(_written(text, word)):
            yield _hidden(hider, text, word)


def _environment(hider: Hider, text: str, word: Token) -> _Edit:
    name, _, value = word.text.partition("=")
    quote = text[word.start] if word.quoted else ""
    shown = variable(hider, name, value)
    return _Edit(word.start, word.stop, _written(text, word) if shown == value else f"{quote}{name}={shown}{quote}")


def _condition(hider: Hider, text: str, start: int, stop: int) -> Iterator[_Edit]:
    for match in _CONDITION.finditer(text[start:stop]):
        name, operator, value = match.group("name", "operator", "value")
        header = name.lower().removeprefix("$http_").replace("_", "-")
        asked = name.lower().startswith("$http_x_") and operator in ("=", "!=")
        if (_is_secret(name) or (asked and _is_unfamiliar(header, value))) and not _REFERENCE.fullmatch(value):
            yield _Edit(start + match.start("value"), start + match.end("value"), hider.quoted(value))


def _header_line(hider: Hider, text: str, word: Token) -> Iterator[_Edit]:
    match = _HEADER_LINE.match(_written(text, word))
    if match is not None and _is_secret(match["name"]):
        value = match["value"].removesuffix(text[word.start] if word.quoted else "\n")
        if not _REFERENCE.fullmatch(value):
            start = word.start + match.start("value")
            yield _Edit(start, start + len(value), hider.hide(value))


def _written(text: str, word: Token) -> str:
    return text[word.start : word.stop]


def _hidden(hider: Hider, text: str, word: Token) -> _Edit:
    return _Edit(word.start, word.stop, hider.quoted(_written(text, word)))


def _gives_secret(directive: str, name: str, value: str) -> bool:
    sent = directive.endswith("_set_header")
    constant = (directive == "set" and name.startswith("$")) or directive.endswith("_param")
    return _is_secret(name) or (sent and _is_unfamiliar(name.lower(), value)) or (constant and not _is_plain(value))


def _is_secret(name: str) -> bool:
    clean = name.strip("\"'${}").lower()
    return (
        secrets.is_secret_name(clean)
        or clean in ("authorization", "cookie", "set-cookie")
        or clean.endswith(("-key", "_key", "_pass", "_pw", "_pin", "-pass"))
    )


def _is_unfamiliar(header: str, value: str) -> bool:
    """A constant for a header of the deployment's own, sent to the app or asked of the client."""
    return not (_HEADERS.fullmatch(header) or "$" in value or secrets.PLAIN_VALUE.fullmatch(value))


def _is_plain(value: str) -> bool:
    """A name, path, number or address, or made of variables."""
    plain = value.strip("\"'")
    forms = (secrets.PLAIN_VALUE.fullmatch(plain), secrets.NAME_FORM.fullmatch(plain), _URL.match(plain))
    return "$" in plain or any(form is not None for form in forms)
