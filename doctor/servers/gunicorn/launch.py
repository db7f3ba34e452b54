"""How a command line comes to run Gunicorn: directly, as a module, through a shell, a script, env, uv.

Which process systemd then takes for the main one was measured for each shape: bash replaces itself by the
last command of `-c` unless that is redirected or in a pipe; dash, Debian's /bin/sh, never does; nobody does
in a script without `exec`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from doctor.facts.value import Place
from doctor.frozen import frozen
from doctor.grammar.outline import Outline
from doctor.grammar.paths import joined
from doctor.grammar.programs import (
    CONTAINER_CLIENTS,
    LAUNCHERS,
    SERVER_PACKAGES,
    SHELLS,
    is_gunicorn,
    is_python,
    is_shell,
)
from doctor.grammar.shell import ShellCommand, shell_commands, shell_script
from doctor.hosts.base import Content, Host
from doctor.sources.variables import Variable

_MODULES = frozenset({"gunicorn", "gunicorn.app.wsgiapp"})
_PYTHON_VALUE_OPTIONS = frozenset({"-W", "-X", "-Q"})
_SETTERS = frozenset({"source", ".", "eval", "set"})
"""Commands of a shell that may set any variable."""
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_DEFAULTED = re.compile(r"\$\{(\w+):?-([^${}]*)\}")
_REFERENCE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_LONG_SHEBANG = re.compile(r"'''exec'\s+\"?([^\s\"]+)")
_APPLICATION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(?:\(.*\))?")
_NEAR = 0.85
"""Of two names, by difflib: one letter lost, doubled or exchanged."""
_SCRIPT_LIMIT = 1 << 16
_DEPTH_LIMIT = 3


@frozen
class Launch:
    """A command that runs Gunicorn, or a development server (`kind` "flask": `arguments` mean nothing then)."""

    kind: str
    program: str
    """The gunicorn script or module as written; of a development server what is run."""
    arguments: tuple[str, ...]
    python: str = ""
    """The interpreter, where it is written in front."""
    assignments: Mapping[str, Variable] = field(default_factory=dict)
    """Variables set in front of the command or in the script."""
    directory: str = ""
    """Where the shell changed to before."""
    venv: str = ""
    """What the shell activated before."""
    opaque: str = ""
    """What may set any variable before it: a script, a launcher, "`source` in its command"; "" for nothing."""
    shell: bool = False
    """The words come from a shell: `$` in them was not expanded."""


@frozen
class Setting:
    """What surrounds a command: the variables it starts with and the directory, "" where that is not known."""

    host: Host
    variables: Mapping[str, str]
    complete: bool
    """No other variables are set."""
    directory: str
    place: Place


def names_gunicorn(word: str) -> bool:
    """The word names Gunicorn's program, or one of its modules."""
    return is_gunicorn(word) or word in _MODULES


def direct(argv: Sequence[str]) -> Launch | None:
    """Gunicorn itself, as the kernel shows it: `gunicorn …`, `python …/gunicorn …`, `python -m gunicorn …`.

    A script runs as its interpreter with the script's path in front of the arguments.
    """
    if not argv:
        return None
    words = list(argv)
    if is_gunicorn(words[0]):
        return Launch("direct", words[0], tuple(words[1:]))
    if not is_python(words[0]):
        return None
    at = 1
    while at < len(words):
        word = words[at]
        if word == "-m":
            if at + 1 < len(words) and words[at + 1] in _MODULES:
                return Launch("module", words[at + 1], tuple(words[at + 2 :]), words[0])
            return None
        if word in _PYTHON_VALUE_OPTIONS:
            at += 2
        elif word.startswith("-") and word not in ("-", "-c"):
            at += 1
        else:
            break
    if at < len(words) and is_gunicorn(words[at]):
        return Launch("direct", words[at], tuple(words[at + 1 :]), words[0])
    return None


def development(argv: Sequence[str], setting: Setting) -> Launch | None:
    """Flask's own server: `flask run`, `python -m flask run`, `python app.py` where app.py imports Flask."""
    words = list(argv)
    if words and is_python(words[0]):
        rest = [word for word in words[1:] if not word.startswith("-") or word == "-m"]
        if rest[:1] == ["-m"]:
            words = rest[1:]
        elif rest and posixpath.basename(rest[0]) == "flask":
            words = rest
        elif rest and rest[0].endswith(".py"):
            path = posixpath.join(setting.directory, rest[0])
            if path.startswith("/") and _imports_flask(setting.host, path):
                return Launch("flask", rest[0], tuple(rest[1:]), words[0])
            return None
    if words and posixpath.basename(words[0]) == "flask" and "run" in words[1:]:
        return Launch("flask", words[0], tuple(words[1:]), argv[0] if is_python(argv[0]) else "")
    return None


def parse(argv: Sequence[str], setting: Setting, depth: int = 0) -> Launch | None:
    """The Gunicorn or development server a command of a unit starts; None when it starts something else."""
    if not argv or depth > _DEPTH_LIMIT:
        return None
    found = direct(argv) or development(argv, setting)
    if found is not None:
        return found
    name = posixpath.basename(argv[0])
    script = shell_script(tuple(argv))
    if script is not None:
        bash = next((posixpath.basename(word) for word in argv if is_shell(word)), "") == "bash"
        return _in_shell(_commands(script), setting, "shell", bash, depth)
    if name in SHELLS:
        files = [word for word in argv[1:] if not word.startswith("-")]
        return _in_file(files[0], setting, depth) if files else None
    if name in LAUNCHERS:
        found = _behind(name, list(argv[1:]), setting, depth)
        return found if found is None or name == "env" else replace(found, opaque=argv[0])
    return _in_file(argv[0], setting, depth) or _misspelt(argv)


def _misspelt(argv: Sequence[str]) -> Launch | None:
    """What was meant for Gunicorn, as its name and MODULE:APP among its arguments tell: "guincorn wsgi:app"."""
    from difflib import get_close_matches

    near = get_close_matches(posixpath.basename(argv[0]), ("gunicorn",), cutoff=_NEAR)
    if near and any(_APPLICATION.fullmatch(word) for word in argv[1:]):
        return Launch("direct", argv[0], tuple(argv[1:]), opaque=argv[0])
    return None


def _behind(name: str, words: list[str], setting: Setting, depth: int) -> Launch | None:
    """Behind a launcher: the first word from where on it is a command we know."""
    assignments: dict[str, Variable] = {}
    for at, word in enumerate(words):
        given = _ASSIGNMENT.fullmatch(word)
        if given and name in ("env", "sudo"):
            assignments[given[1]] = Variable(given[1], given[2], setting.place)
            continue
        if posixpath.basename(word) in CONTAINER_CLIENTS:
            return None
        if word.startswith("-") or not _starts_command(word):
            continue
        found = parse(words[at:], setting, depth + 1)
        if found is not None:
            kind = {"env": "env", "uv": "uv", "uvx": "uv"}.get(name, "other")
            kept = found.kind if found.kind != "direct" and (name == "env" or found.kind == "flask") else kind
            return replace(found, kind=kept, assignments={**assignments, **found.assignments})
    return None


def _starts_command(word: str) -> bool:
    name = posixpath.basename(word)
    return is_gunicorn(word) or is_python(word) or name in SHELLS or name in LAUNCHERS or name == "flask"


def _in_file(path: str, setting: Setting, depth: int) -> Launch | None:
    full = posixpath.join(setting.directory, path)
    if not full.startswith("/"):
        return None
    content = setting.host.read(full, limit=_SCRIPT_LIMIT)
    if not isinstance(content, Content) or "\0" in content.text or "\ufffd" in content.text:
        return None
    # Without that line a shell reads it all the same; systemd refuses it (203/EXEC, "Exec format error").
    first = content.text.partition("\n")[0]
    words = first[2:].split() if first.startswith("#!") else ["sh"]
    if words and posixpath.basename(words[0]) == "env":
        words = [word for word in words[1:] if not word.startswith("-")]
    if not words:
        return None
    if is_python(words[0]):
        return development((words[0], full), setting)
    if posixpath.basename(words[0]) not in SHELLS:
        return None
    found = _in_shell(_commands(content.text), replace(setting, place=Place(path=full)), "script", False, depth)
    return None if found is None else replace(found, opaque=path)


def _commands(script: str) -> tuple[ShellCommand, ...]:
    """A line that goes on in the next one is one line."""
    return shell_commands(script.replace("\\\n", " "))


def _in_shell(
    commands: Sequence[ShellCommand], setting: Setting, stays: str, replaces: bool, depth: int
) -> Launch | None:
    """The server among the commands of a shell. `stays`: the kind where the shell goes on as its parent.

    `replaces`: a bash -c, which replaces itself by its last command.
    """
    variables = dict(setting.variables)
    assignments: dict[str, Variable] = {}
    directory, venv, opaque, piped = setting.directory, "", "", False
    for command in commands:
        words, execs = list(command.words), False
        own: dict[str, Variable] = {}
        while words:
            given = _ASSIGNMENT.fullmatch(words[0])
            if given:
                value = _expand(given[2], variables, setting.complete)
                own[given[1]] = Variable(given[1], value, setting.place)
            elif words[0] == "exec":
                execs = True
            elif words[0] not in ("export", "command", "time", "if", "then", "do", "else", "!", "{"):
                break
            words.pop(0)
        if not words:
            variables.update((name, v.value) for name, v in own.items() if "$" not in v.value)
            assignments.update(own)
            continue
        words = _expanded(words, {**variables, **{n: v.value for n, v in own.items()}}, setting.complete)
        if words[0] in _SETTERS:
            opaque = opaque or f"`{words[0]}` in its command"
        if words[0] == "cd" and len(words) > 1:
            directory = joined(directory, words[-1])
        elif words[0] in ("source", ".") and len(words) > 1 and words[1].endswith("/bin/activate"):
            venv = posixpath.join(directory, words[1].removesuffix("/bin/activate"))
        else:
            inner = replace(setting, variables=variables, directory=directory if "$" not in directory else "")
            found = parse(words, inner, depth + 1)
            if found is not None:
                last = command is commands[-1] and not command.redirected and not piped
                kind = "shell-exec" if execs or (replaces and last) else stays
                if found.kind == "flask" or (found.kind == "uv" and kind == "shell-exec"):
                    kind = found.kind
                return replace(
                    found,
                    kind=kind,
                    assignments={**assignments, **own, **found.assignments},
                    directory=found.directory or (directory if directory != setting.directory else ""),
                    venv=found.venv or venv,
                    opaque=opaque or found.opaque,
                    shell=True,
                )
        piped = command.operator in ("|", "|&")
    return None


def _expanded(words: list[str], variables: Mapping[str, str], complete: bool) -> list[str]:
    """Words with the variables that are known; one that is only a variable may be several words."""
    result: list[str] = []
    for word in words:
        value = _expand(word, variables, complete)
        alone = value != word and _REFERENCE.fullmatch(word)
        result.extend(value.split() if alone else [value])
    return result or [""]


def _expand(word: str, variables: Mapping[str, str], complete: bool) -> str:
    if "$" not in word:
        return word

    def defaulted(match: re.Match[str]) -> str:
        known = variables.get(match[1])
        if known:
            return known
        return match[2] if complete or known == "" else match[0]

    word = _DEFAULTED.sub(defaulted, word)
    return _REFERENCE.sub(lambda match: variables.get(match[1] or match[2], match[0]), word)


def _imports_flask(host: Host, path: str) -> bool:
    outline = host.outline(path)
    if not isinstance(outline, Outline):
        return False
    roots = {item.module.partition(".")[0] for item in outline.imports if item.level == 0}
    return "flask" in roots and not roots & SERVER_PACKAGES


def interpreter(text: str) -> str:
    """The interpreter a script's first lines name, "" for none.

    pip writes `#!/bin/sh` and `'''exec' PYTHON "$0" "$@"` where the path is too long for the kernel or has blanks.
    """
    if not text.startswith("#!"):
        return ""
    lines = text.split("\n", 2)
    words = lines[0][2:].split()
    if words and posixpath.basename(words[0]) in SHELLS and len(lines) > 1:
        found = _LONG_SHEBANG.match(lines[1])
        return found[1] if found else ""
    if words and posixpath.basename(words[0]) == "env":
        words = [word for word in words[1:] if not word.startswith("-")]
    return words[0] if words else ""
