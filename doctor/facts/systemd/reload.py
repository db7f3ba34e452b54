"""What `systemctl reload` does to Gunicorn, judged by the ExecReload lines, which run in order."""

from __future__ import annotations

import re

from doctor.facts.systemd.model import ExecCommand
from doctor.grammar.execline import shell_commands, shell_script
from doctor.grammar.unitfile import signal_name

_BY_SIGNAL = {
    "SIGHUP": "hup", "SIGTERM": "quit", "SIGINT": "quit", "SIGQUIT": "quit", "SIGKILL": "kill", "SIGABRT": "kill",
}  # fmt: skip
_MAIN_PID = frozenset(("$MAINPID", "${MAINPID}"))
_LAUNCHERS = frozenset(("sudo", "exec", "nice", "command", "time"))
_UNMADE = re.compile(r"\\\$|\$\$|\$\(|`")
_NEVER_REFUSES = frozenset(("true", ":", "echo", "printf", "sleep", "sync", "logger", "cd"))


def classify(commands: tuple[ExecCommand, ...], type_: str = "simple") -> tuple[str, bool]:
    """(kind, preflight) as `Unit.reload_kind` and `Unit.reload_preflight` have them.

    `notify-reload` without ExecReload= sends SIGHUP itself (systemd.service(5), Type=).
    """
    if not commands:
        return ("hup" if type_ == "notify-reload" else "none"), False
    preflight = False
    for command in commands:
        script = shell_script(command.argv)
        steps: list[tuple[tuple[str, ...], bool]]
        if script is None:
            steps = [(command.argv, True)]
        else:
            simple = shell_commands(script)
            # Only a step joined by && stops the rest; the line's own failure counts unless it has the prefix "-".
            strict = script.lstrip().startswith("set -e")
            steps = [(step.words, strict or step.operator in {"&&", ""}) for step in simple]
        for words, decides in steps:
            kind = "fails" if script is None and _misses(words) else _kind(words)
            if kind is not None:
                return kind, preflight
            if decides and _refuses(words) and (script is not None or "-" not in command.prefixes):
                preflight = True
        if script is not None and "-" in command.prefixes:
            preflight = False
    return "custom", False


def _misses(words: tuple[str, ...]) -> bool:
    """The command kill gets what only a shell, or systemd without the backslash, would have made a number of."""
    return _name(words[0]) == "kill" and any(_UNMADE.search(word) for word in words[1:])


def _refuses(words: tuple[str, ...]) -> bool:
    return _name(words[0]) not in _NEVER_REFUSES


def _name(program: str) -> str:
    return program.rpartition("/")[2]


def _kind(words: tuple[str, ...]) -> str | None:
    """What one command does to a running Gunicorn; None when it signals and restarts nothing."""
    while words and (_name(words[0]) in _LAUNCHERS or words[0].startswith("-")):
        words = words[1:]
    if not words:
        return None
    program, arguments = _name(words[0]), words[1:]
    match program:
        case "kill":
            return _kill(arguments)
        case "pkill" | "killall" | "killall5" | "skill":
            return "wrong-process"
        case "systemctl":
            return _systemctl(arguments)
        case "gunicornc":
            return "graceful" if "reload" in arguments else None
        case "service":
            return "restart" if "restart" in arguments else None
    return None


def _kill(arguments: tuple[str, ...]) -> str | None:
    signal: str | None = "SIGTERM"
    targets: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument in {"-s", "--signal", "-n"}:
            signal = signal_name(next(rest, "").upper())
        elif argument.startswith("--signal="):
            signal = signal_name(argument.partition("=")[2].upper())
        elif argument.startswith("-s") and len(argument) > 2 and signal_name(argument[2:].upper()):
            signal = signal_name(argument[2:].upper())
        elif argument == "--":
            continue
        elif argument == "-0":
            return None
        elif argument.startswith("-") and not targets and signal_name(argument[1:].upper()):
            signal = signal_name(argument[1:].upper())
        else:
            targets.append(argument)
    if not targets or not all(target in _MAIN_PID for target in targets):
        # A PID file or a computed PID.
        return "custom"
    return _BY_SIGNAL.get(signal or "", "custom")


def _systemctl(arguments: tuple[str, ...]) -> str | None:
    verb = next((word for word in arguments if not word.startswith("-")), "")
    if verb in {"restart", "try-restart", "reload-or-restart", "try-reload-or-restart", "force-reload", "condrestart"}:
        return "restart"
    if verb == "stop":
        return "quit"
    if verb != "kill":
        return None
    signal: str | None = "SIGTERM"
    main = False
    for index, word in enumerate(arguments):
        value = word.partition("=")[2] if "=" in word else arguments[index + 1] if index + 1 < len(arguments) else ""
        if word.startswith("--signal") or word == "-s":
            signal = signal_name(value.upper())
        elif word.startswith(("--kill-whom", "--kill-who")):
            main = value == "main"
    return _BY_SIGNAL.get(signal or "", "custom") if main else "wrong-process"
