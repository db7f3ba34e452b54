"""Lines of unit files that systemd ignores, refuses, or reads differently from what they look like."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from doctor.facts.value import Known, Origin, Place
from doctor.grammar.execline import LineError, split_exec, split_words
from doctor.grammar.gaps import is_gap
from doctor.grammar.shell import shell_script
from doctor.grammar.unitfile import Assignment, boolean, comment_after, duration, expand, integer, mode, signal_name
from doctor.grammar.unitkeys import home_of, meant
from doctor.sources.systemd.model import UnitProblem
from doctor.sources.systemd.settings import Settings, place_of

_SECTIONS = ("Unit", "Service", "Install")
_BOOLEANS = (
    "PrivateNetwork", "DynamicUser", "SendSIGKILL", "SendSIGHUP", "RemainAfterExit", "NoNewPrivileges",
    "PrivateDevices", "NonBlocking", "GuessMainPID", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality",
    "MemoryDenyWriteExecute", "ProtectClock", "ProtectKernelLogs", "ProtectKernelModules",
)  # fmt: skip
_DURATIONS = (
    "RestartSec", "TimeoutSec", "TimeoutStartSec", "TimeoutStopSec", "TimeoutAbortSec", "RuntimeMaxSec", "WatchdogSec",
)  # fmt: skip
_MODES = (
    "UMask", "RuntimeDirectoryMode", "StateDirectoryMode", "CacheDirectoryMode", "LogsDirectoryMode",
    "ConfigurationDirectoryMode",
)  # fmt: skip
_WORDS = {
    "Restart": "no on-success on-failure on-abnormal on-watchdog on-abort always",
    "Type": "simple exec forking oneshot dbus notify notify-reload idle",
    "KillMode": "control-group process mixed none",
    "NotifyAccess": "none main exec all",
    "OOMPolicy": "continue stop kill",
}
_WORDS_OR_BOOLEAN = {
    "ProtectHome": "read-only tmpfs",
    "ProtectSystem": "full strict",
    "RuntimeDirectoryPreserve": "restart",
    "PrivateTmp": "connected disconnected",
}
_SINGLE_VALUES = frozenset((
    *_BOOLEANS, *_DURATIONS, *_MODES, *_WORDS, *_WORDS_OR_BOOLEAN, "User", "Group", "WorkingDirectory", "RootDirectory",
    "PIDFile", "KillSignal", "EnvironmentFile", "StartLimitBurst", "StartLimitIntervalSec", "RuntimeDirectory",
))  # fmt: skip
_SHELL_WORDS = frozenset(("&&", "||", "|", ">", ">>", "<", "2>&1", "&", "2>", "&>"))

Found = Iterator[tuple[Assignment, str, bool]]


def find_problems(settings: Settings, version: int | None) -> tuple[Known[UnitProblem], ...]:
    """Every such line, in the order of the files. `version` of systemd decides what it already knows."""
    found: list[Known[UnitProblem]] = []
    for file in settings.merged.files:
        for oddity in file.oddities:
            place = Place(path=oddity.path, line=oddity.line, text=oddity.text)
            found.append(Known(UnitProblem(oddity.message, oddity.fatal), (place,), Origin.EXPLICIT))
        told: set[str] = set()
        for assignment in file.assignments:
            for message, fatal in _of_assignment(assignment, settings, version, told):
                found.append(Known(UnitProblem(message, fatal), (place_of(assignment),), Origin.EXPLICIT))
    for path in settings.passed_over:
        message = "its name does not end in .conf, so that systemd does not read it"
        found.append(Known(UnitProblem(message, False), (Place(path=path),), Origin.EXPLICIT))
    for assignment, message, fatal in _of_unit(settings):
        found.append(Known(UnitProblem(message, fatal), (place_of(assignment),), Origin.EXPLICIT))
    return tuple(found)


def _of_assignment(
    assignment: Assignment, settings: Settings, version: int | None, told: set[str]
) -> Iterator[tuple[str, bool]]:
    section, key = assignment.section, assignment.key
    if section.startswith("X-") or key.startswith("X-"):
        return
    if section not in _SECTIONS:
        if section not in told:
            told.add(section)
            yield f"unknown section [{section}], everything in it is ignored", False
        return
    home = home_of(key, _SECTIONS)
    if home_of(key, (section,)) is None:
        if home is not None:
            yield f"{key}= belongs to [{home}], in [{section}] it is ignored", False
        elif (name := meant(key, section)) is not None:
            yield f"unknown setting {key}= is ignored; {name}= is meant", False
        return
    if assignment.value and section in {"Service", "Unit"} and not is_gap(assignment.value):
        yield from _of_value(key, settings.expanded(assignment), assignment.value, settings, version)


def _of_value(key: str, value: str, raw: str, settings: Settings, version: int | None) -> Iterator[tuple[str, bool]]:
    if key in _SINGLE_VALUES and comment_after(raw):
        refused = next(_refusal(key, value, version), None)
        effect = "so the value is ignored" if refused else "it belongs to the value"
        yield f"a comment after a value is no comment: {effect}", bool(refused and refused[1])
        return
    yield from _refusal(key, value, version)
    if key.startswith("Exec") and key != "ExecSearchPath":
        yield from _of_command(raw, settings)
    elif key == "Environment":
        yield from _of_environment(raw)


def _refusal(key: str, value: str, version: int | None) -> Iterator[tuple[str, bool]]:
    """The line as systemd refuses it: with `fatal` the whole unit, else the value alone is ignored."""
    check = _CHECKS.get(key)
    if check is not None and check(value) is None:
        yield f"{key}={value} is no valid value, the line is ignored", False
    elif key == "Type" and value == "notify-reload" and version is not None and version < 253:
        yield f"Type=notify-reload is unknown to systemd {version}, the line is ignored", False
    elif key in {"User", "Group"} and not _valid_account(value):
        yield f"{key}={value} is no valid name, the unit does not load", True
    elif key == "WorkingDirectory" and not value.lstrip("-").startswith("/") and value.lstrip("-") != "~":
        optional = value.startswith("-")
        effect = "the line is ignored" if optional else "the unit does not load"
        yield f"WorkingDirectory={value} is not absolute, {effect}", not optional
    elif key == "RootDirectory" and not value.startswith("/"):
        yield f"RootDirectory={value} is not absolute, the unit does not load", True
    elif key == "EnvironmentFile" and not value.removeprefix("-").startswith("/"):
        yield f"EnvironmentFile={value} is not absolute, the line is ignored", False
    elif key == "RuntimeDirectory" and any(word.startswith("/") or ".." in word.split("/") for word in value.split()):
        yield f"RuntimeDirectory={value} must be relative (to /run), the path is ignored", False


def _valid_account(name: str) -> bool:
    """valid_user_group_name in its relaxed form, which takes nearly anything (src/basic/user-util.c)."""
    return not any(character in name for character in ":/") and name.strip(".") != ""


def _of_command(raw: str, settings: Settings) -> Iterator[tuple[str, bool]]:
    try:
        commands = split_exec(raw, lambda word: expand(word, settings.known))
    except LineError as error:
        ignored = raw.lstrip("@+!:|").startswith("-")
        yield f"{error}: " + _effect(ignored), not ignored
        return
    for command in commands:
        if "/" in command.argv[0] and not command.argv[0].startswith("/"):
            ignored = "-" in command.prefixes
            yield f"{command.argv[0]} is no absolute path: " + _effect(ignored), not ignored
        if shell_script(command.argv) is not None:
            continue
        if "#" in command.argv[1:]:
            yield "a comment after a command is no comment: its words are arguments", False
        words = [word for word in command.argv[1:] if word in _SHELL_WORDS]
        if words:
            yield f"there is no shell here: {words[0]} is an argument of {command.argv[0]}", False
        if any("\\$MAINPID" in word or "\\${MAINPID}" in word for word in command.argv):
            yield "\\$ is no escape: the command gets \\$MAINPID as it is written", False


def _effect(ignored: bool) -> str:
    return "the line is ignored" if ignored else "the unit does not load"


def _of_environment(raw: str) -> Iterator[tuple[str, bool]]:
    try:
        words = split_words(raw)
    except LineError as error:
        yield f"{error}: the line is ignored", False
        return
    for word in words:
        name, equals, _ = word.partition("=")
        if not equals or not (name.isidentifier() and name.isascii()):
            # The word itself may be the tail of a secret with a blank in it.
            what = "a comment after a value is no comment: #" if word == "#" else "a word that is no NAME=value"
            yield f"{what} is ignored", False


def _of_unit(settings: Settings) -> Found:
    """What systemd checks of the whole unit (service_verify in src/core/service.c)."""
    merged = settings.merged
    starts = merged.values("Service", "ExecStart")
    if not starts:
        lost = [a for file in merged.files for a in file.assignments if a.key == "ExecStart" and a.section != "Service"]
        if lost and not merged.values("Service", "ExecStop"):
            yield lost[0], "ExecStart= stands outside of [Service], which is left without: the unit does not load", True
        return
    type_ = merged.value("Service", "Type", valid=_CHECKS["Type"])
    oneshot = type_ is not None and type_.value == "oneshot"
    second = second_start(settings)
    if second is not None:
        yield second, "a second command in ExecStart=, which only Type=oneshot may have: the unit does not load", True
    restart = merged.value("Service", "Restart", valid=_CHECKS["Restart"])
    if oneshot and restart is not None and restart.value in {"always", "on-success"}:
        yield restart, f"Restart={restart.value} is not allowed with Type=oneshot: the unit does not load", True


def second_start(settings: Settings) -> Assignment | None:
    """The ExecStart= line that brings a second command where only one is allowed; such a unit is refused."""
    type_ = settings.merged.value("Service", "Type", valid=_CHECKS["Type"])
    if type_ is not None and type_.value == "oneshot":
        return None
    count = 0
    for start in settings.merged.values("Service", "ExecStart"):
        try:
            count += len(split_exec(start.value))
        except LineError:
            continue
        if count > 1:
            return start
    return None


def _words_check(words: str, *, boolean_too: bool) -> Callable[[str], object]:
    allowed = frozenset(words.split())
    return lambda value: value if value in allowed else boolean(value) if boolean_too else None


_CHECKS: dict[str, Callable[[str], object]] = {
    **dict.fromkeys(_BOOLEANS, boolean),
    **dict.fromkeys(_DURATIONS, duration),
    **dict.fromkeys(_MODES, mode),
    **{key: _words_check(words, boolean_too=False) for key, words in _WORDS.items()},
    **{key: _words_check(words, boolean_too=True) for key, words in _WORDS_OR_BOOLEAN.items()},
    "KillSignal": signal_name,
    "StartLimitIntervalSec": duration,
    "StartLimitBurst": integer,
}
