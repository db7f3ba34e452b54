"""The words of a shell script given to `sh -c`: which commands it runs. Nothing is expanded."""

from __future__ import annotations

import re

from doctor.frozen import frozen
from doctor.grammar.programs import SHELLS

_REDIRECTION = re.compile(r"\d*(>>|>&|<&|<<<|<<-?|<>|>\||>|<)|&>>?")
_OPERATOR = re.compile(r"&&|\|\||;;|\|&|[;|&\n()]")


@frozen
class ShellCommand:
    """One simple command of a shell script. `operator` follows it: "&&", "||", ";", "|", "&", newline or ""."""

    words: tuple[str, ...]
    operator: str = ""
    redirected: bool = False


def shell_script(argv: tuple[str, ...]) -> str | None:
    """The script of `sh -c SCRIPT` (also `bash -lc`, `/usr/bin/env bash -c`); None for any other command."""
    words = list(argv)
    if words and words[0].rpartition("/")[2] == "env":
        words = words[1:]
        while words and ("=" in words[0] or words[0].startswith("-")):
            words = words[1:]
    if not words or words[0].rpartition("/")[2] not in SHELLS:
        return None
    for index, word in enumerate(words[1:], 1):
        if word.startswith("-") and not word.startswith("--") and "c" in word:
            return words[index + 1] if index + 1 < len(words) else None
        if not word.startswith(("-", "+")):
            return None
    return None


def shell_commands(script: str) -> tuple[ShellCommand, ...]:
    """Simple commands of a shell script, quotes removed, nothing expanded, redirections left out.

    Good for finding the program that is run; not a parser of loops, functions and here-documents.
    Text after an unclosed quote is one word.
    """
    commands: list[ShellCommand] = []
    words: list[str] = []
    word: list[str] = []
    started = redirected = skip = False
    position = 0

    def finish_word() -> None:
        nonlocal started, skip
        if started and not skip:
            words.append("".join(word))
        if started:
            skip = False
        word.clear()
        started = False

    def finish_command(operator: str) -> None:
        nonlocal redirected, skip
        finish_word()
        if words:
            commands.append(ShellCommand(tuple(words), operator, redirected))
            words.clear()
        elif commands and operator not in {"\n", ""} and commands[-1].operator == "\n":
            commands[-1] = ShellCommand(commands[-1].words, operator, commands[-1].redirected)
        redirected = skip = False

    while position < len(script):
        character = script[position]
        if character in " \t\r":
            finish_word()
            position += 1
        elif character == "#" and not started:
            end = script.find("\n", position)
            position = len(script) if end < 0 else end
        elif (not started or character in "<>") and (found := _REDIRECTION.match(script, position)):
            finish_word()
            redirected = skip = True
            position = found.end()
        elif found := _OPERATOR.match(script, position):
            finish_command(found.group())
            position = found.end()
        else:
            started = True
            position = _shell_piece(script, position, word)
    finish_command("")
    return tuple(commands)


def _shell_piece(script: str, position: int, word: list[str]) -> int:
    """Add one character, one quoted part or one `$(…)` to `word`; where reading goes on."""
    character = script[position]
    if character == "'":
        end = script.find("'", position + 1)
        end = len(script) if end < 0 else end
        word.append(script[position + 1 : end])
        return end + 1
    if character == "\\":
        if script[position + 1 : position + 2] != "\n":
            word.append(script[position + 1 : position + 2])
        return position + 2
    if character == '"':
        position += 1
        while position < len(script) and script[position] != '"':
            if script[position] == "\\" and script[position + 1 : position + 2] in {'"', "\\", "$", "`", "\n"}:
                position += 1
                if script[position] == "\n":
                    position += 1
                    continue
            word.append(script[position])
            position += 1
        return position + 1
    if script.startswith("$(", position) or character == "`":
        end = _closing(script, position)
        word.append(script[position:end])
        return end
    word.append(character)
    return position + 1


def _closing(script: str, position: int) -> int:
    """Where a command substitution that opens at `position` ends."""
    if script[position] == "`":
        end = script.find("`", position + 1)
        return len(script) if end < 0 else end + 1
    depth = 0
    for index in range(position + 1, len(script)):
        depth += {"(": 1, ")": -1}.get(script[index], 0)
        if depth == 0:
            return index + 1
    return len(script)
