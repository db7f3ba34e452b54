"""Command lines as systemd reads them (Exec*=).

systemd is no shell: it has quotes, C-style escapes, `${VAR}`, and a lone `;` between commands, nothing else.
Follows config_parse_exec (src/core/load-fragment.c) and extract_first_word (src/basic/extract-word.c), systemd 252.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from doctor.frozen import frozen
from doctor.grammar.programs import SHELLS

WHITESPACE = " \t\n\r"
LINE_LIMIT = 1 << 20
"""LONG_LINE_MAX of systemd: a longer line is refused."""

_PREFIXES = "-@+!:|"
_SIMPLE_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", '"': '"', "'": "'", "s": " ",
}  # fmt: skip
_NUMERIC_ESCAPES = {"x": (2, 16), "u": (4, 16), "U": (8, 16)}
_BYTES = re.compile("[\udc80-\udcff]+")
_BRACED = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SHOWN = re.compile(r"\{ path=(?P<path>.*?) ; argv\[\]=(?P<argv>.*) ; ignore_errors=(?P<ignore>yes|no) ;", re.DOTALL)


class LineError(ValueError):
    """systemd refuses the line; the text of the exception is the reason."""


@frozen
class ExecLine:
    """One command. `argv[0]` is the program to run, even where `@` gives the process another name."""

    argv: tuple[str, ...]
    prefixes: str = ""


@frozen
class ShownExec:
    """A value of `systemctl show -p ExecStart`. `arguments` is argv joined by spaces, its quotes lost."""

    path: str
    arguments: str
    ignore_errors: bool


def _escape(text: str, position: int) -> tuple[str, int]:
    """The character of the escape whose backslash is before `position`, and where reading goes on.

    A byte that is no ASCII is a lone surrogate until `_text` joins it with its neighbours. An unknown escape stays as
    it is, backslash and all ("Ignoring unknown escape sequences").
    """
    letter = text[position]
    if letter in _SIMPLE_ESCAPES:
        return _SIMPLE_ESCAPES[letter], position + 1
    if letter in _NUMERIC_ESCAPES:
        width, base = _NUMERIC_ESCAPES[letter]
        digits, end = text[position + 1 : position + 1 + width], position + 1 + width
    else:
        digits, base, end = text[position : position + 3], 8, position + 3
        width = 3
    if len(digits) == width and all(digit in "0123456789abcdefABCDEF"[: 22 if base == 16 else 8] for digit in digits):
        number = int(digits, base)
        if letter in "uU" and 0 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
            return chr(number), end
        if letter not in "uU" and 0 < number <= 0xFF:
            return chr(number) if number < 0x80 else chr(0xDC00 + number), end
    return "\\" + letter, position + 1


def unescape(text: str) -> str:
    """A text with its C escapes resolved, as they are inside quotes."""
    pieces: list[str] = []
    position = 0
    while (found := text.find("\\", position)) >= 0 and found + 1 < len(text):
        pieces.append(text[position:found])
        character, position = _escape(text, found + 1)
        pieces.append(character)
    return _text(pieces) + text[position:]


def _text(pieces: Iterable[str]) -> str:
    """Joined, with the bytes of escapes read as UTF-8; those that are none stay surrogates, as in an environment."""

    def decoded(found: re.Match[str]) -> str:
        return found.group().encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")

    return _BYTES.sub(decoded, "".join(pieces))


def _word(text: str, position: int) -> tuple[str, int, bool]:
    """Read one word: its value, where reading goes on, and whether any part of it was quoted or escaped."""
    word: list[str] = []
    quote = ""
    plain = True
    while position < len(text):
        character = text[position]
        position += 1
        if character == "\\":
            if position == len(text):
                word.append("\\")
                break
            value, position = _escape(text, position)
            word.append(value)
            plain = False
        elif quote:
            if character == quote:
                quote = ""
            else:
                word.append(character)
        elif character in "\"'":
            quote = character
            plain = False
        elif character in WHITESPACE:
            break
        else:
            word.append(character)
    if quote:
        raise LineError("unbalanced quoting")
    return _text(word), position, plain


def split_words(text: str) -> tuple[str, ...]:
    """Words of a quoted list such as Environment=. Raises `LineError` on an unclosed quote."""
    if len(text) > LINE_LIMIT:
        raise LineError("line too long")
    words: list[str] = []
    position = 0
    while True:
        position = _skip_blanks(text, position)
        if position >= len(text):
            return tuple(words)
        word, position, _ = _word(text, position)
        words.append(word)


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in WHITESPACE:
        position += 1
    return position


def split_exec(text: str, expand: Callable[[str], str] = str) -> tuple[ExecLine, ...]:
    """Commands of one Exec*= value. `expand` resolves the specifiers of each word.

    Raises `LineError` where systemd would refuse the line (an unclosed quote, no program, a relative path).
    """
    if len(text) > LINE_LIMIT:
        raise LineError("line too long")
    commands: list[ExecLine] = []
    position = _skip_blanks(text, 0)
    while position < len(text):
        command, position = _command(text, position, expand)
        commands.append(command)
        position = _skip_blanks(text, position)
    return tuple(commands)


def _command(text: str, position: int, expand: Callable[[str], str]) -> tuple[ExecLine, int]:
    first, position, _ = _word(text, position)
    program = first.lstrip(_PREFIXES)
    prefixes = first[: len(first) - len(program)]
    program = expand(program)
    if not program:
        raise LineError("no executable after the prefixes" if prefixes else "empty executable")
    if program.endswith("/"):
        raise LineError(f"executable name specifies a directory: {program}")
    if "/" in program and not program.startswith("/"):
        raise LineError(f"neither a valid executable name nor an absolute path: {program}")
    argv = [program]
    named = "@" in prefixes
    while True:
        position = _skip_blanks(text, position)
        if position >= len(text):
            break
        end = position + 2
        if text[position] == ";" and (end - 1 == len(text) or text[end - 1] in WHITESPACE):
            position += 1
            break
        if text[position:end] == "\\;" and (end == len(text) or text[end] in WHITESPACE):
            word, position = ";", end
        else:
            word, position, _ = _word(text, position)
        if named:
            named = False
        else:
            argv.append(expand(word))
    return ExecLine(tuple(argv), prefixes), position


def substitute(argv: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Variables in arguments, as systemd puts them in when it starts the command.

    `${NAME}` anywhere is replaced, `$NAME` only as a word of its own, where its value is split at blanks
    into any number of words; `$$` is a dollar. A variable that is not set is empty. The program itself
    (the first word) is never substituted.
    """
    words: list[str] = list(argv[:1])
    for word in argv[1:]:
        if word.startswith("$") and _NAME.match(word[1:]):
            words.extend(environment.get(word[1:], "").split())
        elif "$" in word:
            words.append(_BRACED.sub(lambda found: _value(found, environment), word))
        else:
            words.append(word)
    return tuple(words)


def _value(found: re.Match[str], environment: Mapping[str, str]) -> str:
    return environment.get(found.group(1), "") if found.group(1) else "$"


def parse_shown(value: str) -> ShownExec | None:
    """A value of `systemctl show`: `{ path=/x ; argv[]=/x -y ; ignore_errors=no ; start_time=… }`."""
    found = _SHOWN.match(value)
    if found is None:
        return None
    return ShownExec(found["path"], found["argv"], found["ignore"] == "yes")


def split_shown(shown: ShownExec) -> ExecLine:
    """The best reading of words that `systemctl show` joined by spaces: a script after `-c` stays one word."""
    words = shown.arguments.split(" ")
    shell = words[0].rpartition("/")[2] in SHELLS
    for index, word in enumerate(words[1:], 1):
        if shell and word.startswith("-") and word.endswith("c") and index + 1 < len(words):
            words[index + 1 :] = [" ".join(words[index + 1 :])]
            break
    argv = (shown.path, *(word for word in words[1:] if word))
    return ExecLine(argv, "-" if shown.ignore_errors else "")
