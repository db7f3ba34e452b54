"""Changes of the text of one nginx file that touch nothing but the directive that is meant.

A file is the user's own: comments, indentation, line ends and bytes that are no UTF-8 (they arrive as surrogate
escapes) stay as they are. Each change of a directive is read again: unless nginx would see exactly that change and no
other, there is no text, but a reason.
"""

from __future__ import annotations

import re

from doctor.grammar.nginx import LUA_BLOCK, Directive, MalformedError, Token, read_directives
from doctor.servers.nginx.grammar import FLAT

_INDENT = "    "
_BLANK = " \t\r"
_ENDING = ";{}#"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")

_Payload = tuple[int, tuple[str, ...], str]
"""What nginx sees of a directive: how deep it stands, its words, and its kind of end or its Lua code."""


class CannotEdit(Exception):
    """Who wants this change must not have it: `reason` says why, a phrase for people. The file stays as it is."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def set_directive(text: str, line: int, name: str, value: str) -> str:
    """Give `name` the arguments `value`, written as in the file; "" for none.

    In `line` (from 1) begins either the one directive of that name, or one block that holds it directly once, or not
    at all: then it becomes the first line of the block. The same text comes back when nginx would see no difference.
    Raises CannotEdit when none or several are meant, or when the value is not plainly the arguments of one directive.
    """
    value = value.strip(" \t")
    wanted = _words_of(name, value)
    directives = _read(text)
    named = _named(directives, line, name)
    if len(named) > 1:
        raise CannotEdit(f"several {name} directives begin in line {line}")
    if named:
        return _replace(text, directives, named[0], value, wanted)
    blocks = [n for n, directive in enumerate(directives) if directive.line == line and directive.block]
    if len(blocks) != 1:
        what = f"several blocks, but no {name} directive, begin" if blocks else f"neither {name} nor a block begins"
        raise CannotEdit(f"{what} in line {line}")
    block = directives[blocks[0]]
    if not _holds_directives(block):
        raise CannotEdit(f"the {block.name} of line {line} holds no directives")
    inner = [n for n, directive in enumerate(directives) if directive.parent == blocks[0]]
    named = [n for n in inner if directives[n].name == name]
    if len(named) > 1:
        raise CannotEdit(f"the {block.name} of line {line} holds {name} more than once")
    if named:
        return _replace(text, directives, named[0], value, wanted)
    first = directives[inner[0]] if inner else None
    before = _payload(text, directives)
    added = (block.depth + 1, wanted, ";")
    position = blocks[0] + 1
    result = _insert(text, block, first, f"{name} {value};" if value else f"{name};")
    return _checked(result, [*before[:position], added, *before[position:]])


def remove_directive(text: str, line: int, name: str) -> str:
    """Take out the one directive `name` that begins in `line` (from 1), a block with all it holds.

    Lines on which nothing else stands go with it; a comment behind it stays. Raises CannotEdit.
    """
    directives = _read(text)
    named = _named(directives, line, name)
    if len(named) != 1:
        raise CannotEdit(f"{'several' if named else 'no'} {name} directives begin in line {line}")
    directive = directives[named[0]]
    if directive.comments and not directive.block:
        raise CannotEdit(f"a comment stands within the {name} of line {line}")
    start, stop = directive.start, directive.stop
    line_start = text.rfind("\n", 0, start) + 1
    line_stop = _line_stop(text, stop)
    alone_before = not text[line_start:start].strip(_BLANK)
    alone_after = not text[stop:line_stop].strip(_BLANK)
    if alone_before and alone_after:
        start, stop = line_start, line_stop + 1
    elif alone_before:
        stop += len(text[stop:]) - len(text[stop:].lstrip(" \t"))
    else:
        start = len(text[:start].rstrip(" \t"))
    kept = [n for n, other in enumerate(directives) if not directive.start <= other.start < directive.stop]
    before = _payload(text, directives)
    return _checked(text[:start] + text[stop:], [before[n] for n in kept])


def replace_line(text: str, line: int, before: str, after: str) -> str:
    r"""Put `after` in the place of the whole line `line` (from 1), which reads exactly `before`; both without line end.

    `after` may hold several lines joined by "\n", which get the file's line ends; "" takes the line out. Raises
    CannotEdit when the line reads otherwise.
    """
    if "\r" in after or "\0" in after:
        raise CannotEdit("the new text holds a carriage return or a NUL")
    lines = _LINE.findall(text)
    old = lines[line - 1] if 0 < line <= len(lines) else ""
    end = "\r\n" if old.endswith("\r\n") else "\n" if old.endswith("\n") else ""
    if not old or old.removesuffix(end) != before:
        raise CannotEdit(f'line {line} no longer reads "{before.strip()[:80]}"')
    newline = end or ("\r\n" if "\r\n" in text else "\n")
    lines[line - 1] = newline.join(after.split("\n")) + end if after else ""
    return "".join(lines)


def _read(text: str) -> tuple[Directive, ...]:
    try:
        return read_directives(text)
    except MalformedError as error:
        raise CannotEdit(f"nginx cannot read the file: {error}") from error


def _words_of(name: str, value: str) -> tuple[str, ...]:
    """The words of the new directive; refused unless nginx would read it as one directive and everyone else too."""
    held = [c for c in name + value if c in _ENDING or c == "\x7f" or (c < " " and c != "\t")]
    if held:
        raise CannotEdit(f"the new {name!r} directive would hold the character {held[0]!r}")
    written = f"{name} {value};"
    try:
        directives = read_directives(written)
    except MalformedError as error:
        raise CannotEdit(f"the quotes or backslashes of the new value are not balanced: {value}") from error
    words = directives[0].words
    if len(directives) != 1 or words[0].stop != len(name) or words[0].text != name:
        raise CannotEdit(f"{name!r} is not the name of a directive")
    if any(_has_quote(written, word) for word in words):
        raise CannotEdit(f"a quote stands within a word of the new value: {value}")
    return tuple(word.text for word in words)


def _has_quote(text: str, word: Token) -> bool:
    """To nginx such a quote is an ordinary character, which is hardly what is meant: key="a b" is two words."""
    return not word.quoted and ('"' in text[word.start : word.stop] or "'" in text[word.start : word.stop])


def _named(directives: tuple[Directive, ...], line: int, name: str) -> list[int]:
    """The numbers of the directives of that name that begin in that line; entries of a `map` are none."""
    return [
        number
        for number, directive in enumerate(directives)
        if directive.line == line
        and directive.name == name
        and (directive.parent is None or _holds_directives(directives[directive.parent]))
    ]


def _holds_directives(block: Directive) -> bool:
    return block.name not in FLAT and not block.name.endswith(LUA_BLOCK)


def _replace(text: str, directives: tuple[Directive, ...], number: int, value: str, wanted: tuple[str, ...]) -> str:
    old = directives[number]
    if old.block:
        raise CannotEdit(f"the {old.name} of line {old.line} opens a block")
    if tuple(word.text for word in old.words) == wanted:
        return text
    start = old.words[1].start if value and len(old.words) > 1 else old.words[0].stop
    stop = old.words[-1].stop
    if any(start < comment < stop for comment, _ in old.comments):
        raise CannotEdit(f"a comment stands between the arguments of the {old.name} of line {old.line}")
    new = f" {value}" if value and start == old.words[0].stop else value
    expected = _payload(text, directives)
    expected[number] = (expected[number][0], wanted, ";")
    return _checked(text[:start] + new + text[stop:], expected)


def _insert(text: str, block: Directive, first: Directive | None, directive: str) -> str:
    """Write the directive before all that the block holds, on a line of its own where the block has lines."""
    line_stop = _line_stop(text, block.head)
    rest = text[block.head : line_stop].strip(_BLANK)
    if rest and not rest.startswith("#"):
        space = "" if text[block.head] in " \t" else " "
        return f"{text[: block.head]} {directive}{space}{text[block.head :]}"
    indent = _indent(text, block.start) + _INDENT if first is None else _indent(text, first.start)
    newline = "\r\n" if text[line_stop - 1] == "\r" else "\n"
    return f"{text[: line_stop + 1]}{indent}{directive}{newline}{text[line_stop + 1 :]}"


def _line_stop(text: str, offset: int) -> int:
    """The offset of the LF that ends the line, or the end of the text."""
    end = text.find("\n", offset)
    return len(text) if end < 0 else end


def _indent(text: str, offset: int) -> str:
    before = text[text.rfind("\n", 0, offset) + 1 : offset]
    return before[: len(before) - len(before.lstrip(" \t"))]


def _payload(text: str, directives: tuple[Directive, ...]) -> list[_Payload]:
    return [
        (
            directive.depth,
            tuple(word.text for word in directive.words),
            (text[directive.head : directive.stop] if directive.name.endswith(LUA_BLOCK) else "{")
            if directive.block
            else ";",
        )
        for directive in directives
    ]


def _checked(result: str, expected: list[_Payload]) -> str:
    """The text, if nginx sees in it what is expected."""
    try:
        seen = _payload(result, read_directives(result))
    except MalformedError as error:
        raise CannotEdit(f"nginx could not read the file after the change: {error}") from error
    if seen != expected:
        raise CannotEdit("the change would alter more than the directive that is meant")
    return result
