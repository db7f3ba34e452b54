"""What `systemctl reload` does to Gunicorn, judged by the ExecReload lines, which run in order."""

from __future__ import annotations

import re

from doctor.grammar.shell import shell_commands, shell_script
from doctor.grammar.unitfile import signal_name
from doctor.sources.systemd.model import ExecCommand

_BY_SIGNAL = {
    "SIGHUP": "hup", "SIGTERM": "quit", "SIGINT": "quit", "SIGQUIT": "quit", "SIGKILL": "kill", "SIGABRT": "kill",
    "SIGUSR2": "second-master", "SIGUSR1": "no-effect", "SIGCONT": "no-effect",
}  # fmt: skip
"""What a signal to the master does (gunicorn/arbiter.py); USR1 opens the log files anew."""
_MAIN_PID = frozenset(("$MAINPID", "${MAINPID}"))
_LAUNCHERS = frozenset(("sudo", "exec", "nice", "command", "time"))
_UNMADE = re.compile(r"\\\$|\$\$|\$\(|`")
_WITHOUT_EFFECT = frozenset(("true", ":", "echo", "printf", "sleep", "sync", "logger", "cd", "touch"))
"""Programs that neither signal Gunicorn nor start another one, and do not fail."""
_SELECTS = re.compile(
    r"-[a-zA-Z]*[onPFgs]|--(?:oldest|newest|parent|pidfile|pgroup|session|older|ns|env|cgroup)\b|.*master"
)
"""Options and patterns of pkill that may leave the workers out; Gunicorn may write "master" into its command line."""
_PGREP = re.compile(r"(?:\$\(|`)\s*(?:\S*/)?pgrep\s+(?P<arguments>[^|;&]*?)(?:\)|`)")


def classify(commands: tuple[ExecCommand, ...], type_: str = "simple") -> tuple[str, bool]:
    """(kind, preflight) as `Unit.reload_kind` and `Unit.reload_preflight` have them.

    `notify-reload` without ExecReload= sends SIGHUP itself (systemd.service(5), Type=).
    """
    if not commands:
        return ("hup" if type_ == "notify-reload" else "none"), False
    preflight, found = False, "no-effect"
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
            if found == "second-master" and kind != "no-effect":
                return "custom", False  # the first master may be told to leave when the second one is there
            if kind == "second-master" or (kind is None and found == "no-effect"):
                found = kind or "custom"
            elif kind not in {None, "no-effect"}:
                return str(kind), preflight
            if decides and kind is None and (script is not None or "-" not in command.prefixes):
                preflight = True
        if script is not None and "-" in command.prefixes:
            preflight = False
    return found, False


def _misses(words: tuple[str, ...]) -> bool:
    """The command kill gets what only a shell, or systemd without the backslash, would have made a number of."""
    return _name(words[0]) == "kill" and any(_UNMADE.search(word) for word in words[1:])


def _name(program: str) -> str:
    return program.rpartition("/")[2]


def _kind(words: tuple[str, ...]) -> str | None:
    """What one command does to a running Gunicorn, "no-effect" for certain; None when nothing is known of it."""
    while words and (_name(words[0]) in _LAUNCHERS or words[0].startswith("-")):
        words = words[1:]
    if not words or _name(words[0]) in _WITHOUT_EFFECT:
        return "no-effect"
    program, arguments = _name(words[0]), words[1:]
    match program:
        case "kill":
            return _kill(arguments)
        case "pkill":
            return "custom" if _selective(arguments) else _all_of_them(arguments)
        case "killall" | "killall5" | "skill":
            return _all_of_them(arguments)
        case "systemctl":
            return _systemctl(arguments)
        case "gunicornc":
            return "graceful" if "reload" in arguments else None
        case "service":
            return "restart" if "restart" in arguments else None
    return None


def _selective(arguments: tuple[str, ...]) -> bool:
    """What pgrep or pkill looks for need not be master and workers alike."""
    return any(_SELECTS.match(word) for word in arguments if _signal(word) is None)


def _all_of_them(arguments: tuple[str, ...]) -> str:
    """A signal to master and workers alike, found by name."""
    harmless = any(_BY_SIGNAL.get(_signal(word) or "") == "no-effect" for word in arguments)
    return "no-effect" if harmless else "wrong-process"


def _signal(word: str) -> str | None:
    """The signal of an argument such as -HUP, -1 or --signal=HUP."""
    return signal_name(word.lstrip("-").removeprefix("signal=").upper()) if word.startswith("-") else None


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
        return _by_name(targets, signal or "")
    return _BY_SIGNAL.get(signal or "", "custom")


def _by_name(targets: list[str], signal: str) -> str:
    """A signal to a PID file or a computed PID: known where all processes of a name are meant."""
    searched = _PGREP.fullmatch(targets[0]) if len(targets) == 1 else None
    if searched is None or signal not in _BY_SIGNAL or _selective(tuple(searched["arguments"].split())):
        return "custom"
    return "no-effect" if _BY_SIGNAL[signal] == "no-effect" else "wrong-process"


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
