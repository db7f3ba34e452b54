"""Where settings come from, strongest first, and the value that wins (gunicorn/app/base.py, Application.load_config).

Defaults, some of which read the environment < configuration file < GUNICORN_CMD_ARGS < command line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from doctor.cause import Cause, Doubt
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.grammar.gaps import is_gap, told
from doctor.hosts.base import Host
from doctor.servers.gunicorn.arguments import Arguments, Given, parse
from doctor.servers.gunicorn.config import NO_FILE, ConfigFile, load
from doctor.servers.gunicorn.expression import AtLeast, Value
from doctor.servers.gunicorn.values import as_text
from doctor.sources.variables import Variables

DEFAULTS: Mapping[str, Value] = {
    "bind": "127.0.0.1:8000", "workers": 1, "threads": 1, "worker_class": "sync", "timeout": 30, "graceful_timeout": 30,
    "keepalive": 2, "backlog": 2048, "umask": 0, "max_requests": 0, "max_requests_jitter": 0, "preload_app": False,
    "reload": False, "daemon": False, "errorlog": "-", "proxy_protocol": False, "dirty_workers": 0,
    "protocol": "http",
}  # fmt: skip
"""The same in 20.0 to 27.0.1; a setting that is not here is not set by default."""

_PLAIN = re.compile(r"[\w.:/=+-]{1,200}")


@frozen
class CommandLine:
    """What Gunicorn was or would be started with."""

    words: tuple[str, ...]
    """After the program's name."""
    place: Callable[[str], Place]
    """Where a word of it stands."""
    shell: bool = False
    """The words come from a shell script: `$NAME` in them was not expanded."""


@frozen
class Layers:
    """The sources, strongest first, and what stands in for them where they cannot be seen."""

    sources: tuple[tuple[str, Mapping[str, Fact[Value]]], ...]
    gaps: tuple[Doubt | None, ...]
    """Beside each source: why it may hold more than is known of it, None when it does not."""
    file: ConfigFile
    error: Fact[str]
    variables: Variables
    version: Fact[str]

    @classmethod
    def read(
        cls,
        host: Host,
        command: CommandLine | Unknown,
        variables: Variables,
        start: Fact[str],
        version: Fact[str],
        import_path: tuple[str, ...],
        unreachable: Doubt | None,
    ) -> Layers:
        """See `settings.compute`."""
        old = version.meets(lambda it: _major(it) < 24)
        given, error, gap = _command_line(command, old, variables.gaps[0].why if variables.gaps else None)
        inherited, inherited_error, inherited_gap = _inherited(variables, old)
        config: Fact[Value] = given.get("config", inherited.get("config", ABSENT))
        if isinstance(config, Absent) and (unsure := gap or inherited_gap):
            config = Unknown.of(unsure)
        if unreachable:
            file = ConfigFile(Unknown.of(unreachable), ABSENT, {}, unreachable)
        elif isinstance(error, Known):
            file = NO_FILE
        else:
            file = load(host, as_text(config), start, variables, import_path)
        return cls(
            (("the command line", given), ("GUNICORN_CMD_ARGS", inherited), (_name_of(file), file.values)),
            (gap, inherited_gap, file.gap),
            file,
            error if not isinstance(error, Absent) else inherited_error,
            variables,
            version,
        )

    def value(self, name: str) -> Fact[Value]:
        """The value that wins, as it is written."""
        for (_, source), gap in zip(self.sources, self.gaps, strict=True):
            if name in source:
                found = source[name]
                if found.is_(None) and name != "workers":
                    return Absent(found.places)
                return found
            if gap:
                return Unknown.of(gap.because(f"{name} may be set"))
        return self._default(name)

    def _default(self, name: str) -> Fact[Value]:
        note = Place(note=self.version.map(lambda it: f"default of gunicorn {it}").or_("default of gunicorn"))
        reads = {"bind": "PORT", "workers": "WEB_CONCURRENCY", "forwarded_allow_ips": "FORWARDED_ALLOW_IPS"}.get(name)
        if reads:
            match self.variables.implicit(reads):
                case Known(value, places):
                    text = f"0.0.0.0:{value}" if name == "bind" else value
                    return Known(text, (*places, Place(note=f"default of gunicorn: {reads} is set")), Origin.INHERITED)
                case Unknown() as unknown:
                    return Unknown.of(unknown)
        if name == "forwarded_allow_ips":
            return self._default_proxies(note)
        if name not in DEFAULTS:
            return Absent((note,))
        return Known(DEFAULTS[name], (note,), Origin.DEFAULT)

    def _default_proxies(self, note: Place) -> Fact[Value]:
        """Only 127.0.0.1 before 23.0."""
        old = self.version.meets(lambda it: _major(it) < 23)
        return Known("127.0.0.1" if old else "127.0.0.1,::1", (note,), Origin.DEFAULT)


def _command_line(
    command: CommandLine | Unknown, old: bool, gap: Doubt | None
) -> tuple[Mapping[str, Fact[Value]], Fact[str], Doubt | None]:
    """What is given, why it is refused, and why more may be given. `gap`: why variables are not known."""
    if isinstance(command, Unknown):
        return {}, command, command
    parsed = parse(command.words, flag_proxy_protocol=old, variables=command.shell)
    values = _given(parsed, command.place, command.shell, gap)
    first = command.place(command.words[0] if command.words else "")
    error: Fact[str] = Known(parsed.error, (first,)) if parsed.error else ABSENT
    return values, error, _open(f"{parsed.opaque} stands for more arguments", gap) if parsed.opaque else None


def _given(parsed: Arguments, place: Callable[[str], Place], shell: bool, gap: Doubt | None) -> dict[str, Fact[Value]]:
    given = dict(parsed.settings)
    if parsed.application is not None:
        given["wsgi_app"] = parsed.application
    return {name: _fact(item, place(item.word), shell, gap) for name, item in given.items()}


def _open(what: str, gap: Doubt | None) -> Doubt:
    """What a variable decides, whose value is not known: for the reason why variables are not, if there is one."""
    return Doubt(what, Cause.RUN_TIME) if gap is None else gap.because(what)


def _fact(item: Given, place: Place, shell: bool, gap: Doubt | None = None) -> Fact[Value]:
    if is_gap(str(item.value)):
        return Unknown.of(told(str(item.value)), (place,))
    if shell and ("$" in str(item.value) or "`" in str(item.value)):
        return Unknown.of(_open(f"{item.word} is a variable", gap), (place,))
    return Known(item.value, (place,), Origin.EXPLICIT)


def _inherited(variables: Variables, old: bool) -> tuple[Mapping[str, Fact[Value]], Fact[str], Doubt | None]:
    """GUNICORN_CMD_ARGS (Config.get_cmd_args_from_env): its positional arguments count for nothing."""
    found = variables.implicit("GUNICORN_CMD_ARGS")
    if isinstance(found, Unknown):
        return {}, ABSENT, found
    if isinstance(found, Absent):
        return {}, ABSENT, None
    import shlex

    first = found.places[0] if found.places else Place(note="GUNICORN_CMD_ARGS")

    def place(text: str) -> Place:
        return Place(first.path, first.line, first.command, f"GUNICORN_CMD_ARGS={text}", first.note)

    try:
        words = shlex.split(found.value)
    except ValueError as error:
        return {}, Known(f"GUNICORN_CMD_ARGS: {error}", (place("…"),)), None
    parsed = parse(words, flag_proxy_protocol=old)
    # What is no option of Gunicorn may be anything: the value is shown only as far as it is understood.
    values = {
        name: replace(fact, origin=Origin.INHERITED) if isinstance(fact, Known) else fact
        for name, item in parsed.settings.items()
        for fact in (_fact(item, place(_understood(name, item)), False),)
    }
    complaint = Known(f"GUNICORN_CMD_ARGS: {parsed.complaint}", (place("…"),)) if parsed.error else ABSENT
    return values, complaint, None


def _understood(name: str, item: Given) -> str:
    """An option given by a variable, as far as it has the form of its setting: anything else may be anything."""
    if isinstance(item.value, bool):
        return item.word.partition("=")[0]
    number = isinstance(DEFAULTS.get(name), int)
    fits = not number or (isinstance(item.value, str) and item.value.isdecimal())
    return item.word if fits and _PLAIN.fullmatch(item.word.replace(" ", "", 1)) else "…"


def shown(found: Known[Value]) -> str:
    """As people read it; of what a variable holds only what has the form of a setting."""
    value = found.value
    if found.origin is Origin.INHERITED and not _PLAIN.fullmatch(str(value)) and not isinstance(value, tuple):
        return "what a variable of the environment holds"
    if isinstance(value, AtLeast):
        return f"at least {value.value}"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _name_of(file: ConfigFile) -> str:
    return file.path.or_("the configuration file")


def _major(version: str) -> int:
    head = version.partition(".")[0]
    return int(head) if head.isdigit() else 99
