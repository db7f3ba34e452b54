"""The settings in force, each with where it comes from (gunicorn/app/base.py, Application.load_config).

Defaults, some of which read the environment < configuration file < GUNICORN_CMD_ARGS < command line.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from doctor.facts.address import Address, AddressKind, parse_bind
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, T, Unknown
from doctor.frozen import frozen
from doctor.grammar.gaps import is_gap, told
from doctor.hosts.base import Host
from doctor.hosts.hidden import TOKEN
from doctor.servers.gunicorn.arguments import Arguments, Given, parse
from doctor.servers.gunicorn.config import NO_FILE, ConfigFile, load
from doctor.servers.gunicorn.expression import AtLeast, Value
from doctor.servers.gunicorn.model import Settings, Shadowed
from doctor.servers.gunicorn.variables import Variables

_DEFAULTS: Mapping[str, Value] = {
    "bind": "127.0.0.1:8000", "workers": 1, "threads": 1, "worker_class": "sync", "timeout": 30, "graceful_timeout": 30,
    "keepalive": 2, "backlog": 2048, "umask": 0, "max_requests": 0, "max_requests_jitter": 0, "preload_app": False,
    "reload": False, "daemon": False, "errorlog": "-", "proxy_protocol": False, "dirty_workers": 0,
    "protocol": "http",
}  # fmt: skip
"""The same in 20.0 to 27.0.1; a setting that is not here is not set by default."""

_REPORTED = (
    "bind", "workers", "threads", "worker_class", "timeout", "graceful_timeout", "keepalive", "backlog", "chdir",
    "preload_app", "reload", "daemon", "pidfile", "umask", "user", "group", "max_requests", "max_requests_jitter",
    "certfile", "proxy_protocol", "forwarded_allow_ips", "pythonpath", "accesslog", "errorlog", "wsgi_app",
)  # fmt: skip
_OCTAL = re.compile(r"0\d")
_NUMBER_LIMIT = 1 << 63
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


def compute(
    host: Host,
    command: CommandLine | Unknown,
    variables: Variables,
    start: Fact[str],
    version: Fact[str],
    import_path: tuple[str, ...] = (),
    unreachable: str = "",
) -> Settings:
    """The effective settings of one Gunicorn.

    `command` is Unknown where the command line cannot be seen. `start`: the directory it starts in, links kept.
    `import_path`: where else modules are imported from. `unreachable`: why its files cannot be looked at, if so.
    """
    layers = _Layers.read(host, command, variables, start, version, import_path, unreachable)
    chdir = layers.text("chdir")
    if isinstance(chdir, Known):
        chdir = _in_directory(chdir, start)
    directory = chdir if isinstance(chdir, Known) else start
    workers = layers.value("workers")
    return Settings(
        bind=layers.bind(directory),
        workers=layers.number("workers"),
        workers_at_least=_at_least(workers, layers.number("workers")),
        threads=layers.number("threads"),
        worker_class=_worker_class(layers.text("worker_class"), layers.number("threads")),
        timeout=layers.number("timeout"),
        graceful_timeout=layers.number("graceful_timeout"),
        keepalive=layers.number("keepalive"),
        backlog=layers.number("backlog"),
        chdir=chdir,
        preload=layers.flag("preload_app"),
        reload=layers.flag("reload"),
        daemon=layers.flag("daemon"),
        pidfile=_in_directory(layers.text("pidfile"), directory),
        umask=layers.number("umask"),
        user=layers.text("user"),
        group=layers.text("group"),
        max_requests=layers.number("max_requests"),
        max_requests_jitter=layers.number("max_requests_jitter"),
        certfile=_in_directory(layers.text("certfile"), directory),
        protocol=layers.text("protocol"),
        proxy_protocol=layers.flag("proxy_protocol"),
        forwarded_allow_ips=layers.text("forwarded_allow_ips"),
        pythonpath=layers.text("pythonpath"),
        raw_env=layers.names("raw_env"),
        access_log=layers.text("accesslog"),
        error_log=layers.text("errorlog"),
        wsgi_app=layers.text("wsgi_app"),
        config_file=layers.file.path,
        config_error=layers.file.error,
        argument_error=layers.refused(),
        shadowed=layers.shadowed(),
        misnamed=Known(layers.file.misnamed, layers.file.misnamed_places) if layers.file.misnamed else ABSENT,
    )


def unknown(reason: str, *places: Place) -> Settings:
    """Settings of which nothing can be told."""
    nothing = Unknown(reason, places)
    return Settings(**dict.fromkeys(Settings.__dataclass_fields__, nothing))


@frozen
class _Layers:
    """The sources, strongest first, and what stands in for them where they cannot be seen."""

    sources: tuple[tuple[str, Mapping[str, Fact[Value]]], ...]
    gaps: tuple[str, ...]
    """Beside each source: why it may hold more than is known of it, "" when it does not."""
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
        unreachable: str,
    ) -> _Layers:
        old = isinstance(version, Known) and _major(version.value) < 24
        given, error, gap = _command_line(command, old, f": {variables.gap}" if variables.gap else "")
        inherited, inherited_error, inherited_gap = _inherited(variables, old)
        config: Fact[Value] = given.get("config", inherited.get("config", ABSENT))
        if isinstance(config, Absent) and (gap or inherited_gap):
            config = Unknown(gap or inherited_gap)
        if unreachable:
            file = ConfigFile(Unknown(unreachable), ABSENT, {}, unreachable)
        elif isinstance(error, Known):
            file = NO_FILE
        else:
            file = load(host, _as_text(config), start, variables, import_path)
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
                return Unknown(f"{name} may be set: {gap}")
        return self._default(name)

    def _default(self, name: str) -> Fact[Value]:
        note = Place(
            note=f"default of gunicorn {self.version.value}"
            if isinstance(self.version, Known)
            else "default of gunicorn"
        )
        reads = {"bind": "PORT", "workers": "WEB_CONCURRENCY", "forwarded_allow_ips": "FORWARDED_ALLOW_IPS"}.get(name)
        if reads:
            match self.variables.implicit(reads):
                case Known(value, places):
                    text = f"0.0.0.0:{value}" if name == "bind" else value
                    return Known(text, (*places, Place(note=f"default of gunicorn: {reads} is set")), Origin.INHERITED)
                case Unknown(reason):
                    return Unknown(reason)
        if name == "forwarded_allow_ips":
            return self._default_proxies(note)
        if name not in _DEFAULTS:
            return Absent((note,))
        return Known(_DEFAULTS[name], (note,), Origin.DEFAULT)

    def _default_proxies(self, note: Place) -> Fact[Value]:
        """Only 127.0.0.1 before 23.0."""
        old = isinstance(self.version, Known) and _major(self.version.value) < 23
        return Known("127.0.0.1" if old else "127.0.0.1,::1", (note,), Origin.DEFAULT)

    def number(self, name: str) -> Fact[int]:
        """A whole number, 0 and up (validate_pos_int)."""
        return _converted(self.value(name), name, _number)

    def flag(self, name: str) -> Fact[bool]:
        """A boolean; of proxy_protocol whether it is on at all."""
        return _converted(self.value(name), name, _proxy if name == "proxy_protocol" else _flag)

    def text(self, name: str) -> Fact[str]:
        """A string, blanks around it removed."""
        return _as_text(self.value(name))

    def names(self, name: str) -> Fact[tuple[str, ...]]:
        """The names of a list of NAME=value. Absent for none."""
        found = _converted(self.value(name), name, _strings)
        if not isinstance(found, Known):
            return found
        return Known(tuple(item.partition("=")[0] for item in found.value), found.places, found.origin)

    def bind(self, directory: Fact[str]) -> Fact[tuple[Address, ...]]:
        """Addresses as configured; a relative socket path is taken from the directory it runs in."""
        found = _converted(self.value("bind"), "bind", _strings)
        if not isinstance(found, Known):
            return found
        base = directory.or_("")
        try:
            addresses = tuple(parse_bind(item, base) for item in found.value)
        except ValueError as error:
            told = "" if found.origin is Origin.INHERITED else f": {error}"
            return Unknown(f"Gunicorn refuses the bind address{told}", found.places)
        if isinstance(directory, Unknown) and any(a.kind is AddressKind.UNIX and a.path[:1] != "/" for a in addresses):
            return Unknown(f"a relative socket path: {directory.reason}", (*found.places, *directory.places))
        return Known(addresses, found.places, found.origin)

    def refused(self) -> Fact[str]:
        """Why Gunicorn does not start with these settings."""
        if not isinstance(self.error, Absent):
            return self.error
        for name in _REPORTED:
            found = self.value(name)
            if isinstance(found, Known):
                convert = _number if isinstance(_DEFAULTS.get(name), int) and name not in _FLAGS else None
                checked = _converted(found, name, convert) if convert else found
                if isinstance(checked, Unknown) and not _beyond(found.value):
                    return Known(checked.reason, found.places)
        if isinstance(self.value("wsgi_app"), Absent) and isinstance(self.value("paste"), Absent):
            # WSGIApplication.load_config: ConfigError
            return Known("no application module specified", self._command_places())
        return ABSENT

    def _command_places(self) -> tuple[Place, ...]:
        return next((fact.places[:1] for _, source in self.sources for fact in source.values()), ())

    def shadowed(self) -> Fact[tuple[Shadowed, ...]]:
        """Settings of a weaker source that a stronger one overrides by another value."""
        found: list[Shadowed] = []
        places: list[Place] = []
        for index, (_, weaker) in enumerate(self.sources):
            for name, loser in weaker.items():
                winner = next((source[name] for _, source in self.sources[:index] if name in source), None)
                if winner is None or name not in _REPORTED:
                    continue
                if isinstance(winner, Known) and isinstance(loser, Known) and _shown(winner) != _shown(loser):
                    found.append(Shadowed(name, _shown(loser), _shown(winner)))
                    places += (*loser.places[:1], *winner.places[:1])
        return Known(tuple(found), tuple(places), Origin.COMPUTED) if found else ABSENT


_FLAGS = frozenset({"preload_app", "reload", "daemon", "proxy_protocol"})


def _command_line(
    command: CommandLine | Unknown, old: bool, because: str
) -> tuple[Mapping[str, Fact[Value]], Fact[str], str]:
    """What is given, why it is refused, and why more may be given. `because`: why variables are not known."""
    if isinstance(command, Unknown):
        return {}, Unknown(command.reason, command.places), command.reason
    parsed = parse(command.words, flag_proxy_protocol=old, variables=command.shell)
    values = _given(parsed, command.place, command.shell, because)
    first = command.place(command.words[0] if command.words else "")
    error: Fact[str] = Known(parsed.error, (first,)) if parsed.error else ABSENT
    return values, error, f"{parsed.opaque} stands for more arguments{because}" if parsed.opaque else ""


def _given(parsed: Arguments, place: Callable[[str], Place], shell: bool, because: str) -> dict[str, Fact[Value]]:
    given = dict(parsed.settings)
    if parsed.application is not None:
        given["wsgi_app"] = parsed.application
    return {name: _fact(item, place(item.word), shell, because) for name, item in given.items()}


def _fact(item: Given, place: Place, shell: bool, because: str = "") -> Fact[Value]:
    if is_gap(str(item.value)):
        return Unknown(told(str(item.value)), (place,))
    if shell and ("$" in str(item.value) or "`" in str(item.value)):
        return Unknown(f"{item.word} is a variable{because}", (place,))
    return Known(item.value, (place,), Origin.EXPLICIT)


def _inherited(variables: Variables, old: bool) -> tuple[Mapping[str, Fact[Value]], Fact[str], str]:
    """GUNICORN_CMD_ARGS (Config.get_cmd_args_from_env): its positional arguments count for nothing."""
    found = variables.implicit("GUNICORN_CMD_ARGS")
    if isinstance(found, Unknown):
        return {}, ABSENT, found.reason
    if isinstance(found, Absent):
        return {}, ABSENT, ""
    import shlex

    first = found.places[0] if found.places else Place(note="GUNICORN_CMD_ARGS")

    def place(text: str) -> Place:
        return Place(first.path, first.line, first.command, f"GUNICORN_CMD_ARGS={text}", first.note)

    try:
        words = shlex.split(found.value)
    except ValueError as error:
        return {}, Known(f"GUNICORN_CMD_ARGS: {error}", (place("…"),)), ""
    parsed = parse(words, flag_proxy_protocol=old)
    # What is no option of Gunicorn may be anything: the value is shown only as far as it is understood.
    values = {
        name: replace(fact, origin=Origin.INHERITED) if isinstance(fact, Known) else fact
        for name, item in parsed.settings.items()
        for fact in (_fact(item, place(_understood(name, item)), False),)
    }
    complaint = Known(f"GUNICORN_CMD_ARGS: {parsed.complaint}", (place("…"),)) if parsed.error else ABSENT
    return values, complaint, ""


def _understood(name: str, item: Given) -> str:
    """An option given by a variable, as far as it has the form of its setting: anything else may be anything."""
    if isinstance(item.value, bool):
        return item.word.partition("=")[0]
    number = isinstance(_DEFAULTS.get(name), int)
    fits = not number or (isinstance(item.value, str) and item.value.isdecimal())
    return item.word if fits and _PLAIN.fullmatch(item.word.replace(" ", "", 1)) else "…"


def _converted(found: Fact[Value], name: str, convert: Callable[[Value], T]) -> Fact[T]:
    if not isinstance(found, Known):
        return found
    if isinstance(found.value, AtLeast):
        return Unknown(f"{name} depends on the number of processors, at least {found.value.value}", found.places)
    if _beyond(found.value):
        return Unknown(f"{name} is set to a number that is too large", found.places)
    try:
        return Known(convert(found.value), found.places, found.origin)
    except ValueError:
        if found.origin is Origin.INHERITED:
            return Unknown(f"Gunicorn refuses for {name} what a variable of the environment holds", found.places)
        return Unknown(f"Gunicorn refuses {found.value!r} for {name}", found.places)


def _beyond(value: Value) -> bool:
    """A whole number that Gunicorn takes, and that nothing could be made of, or even printed."""
    if isinstance(value, str):
        try:
            value = int(value, 0)
        except ValueError:
            return False
    return isinstance(value, int) and abs(value) >= _NUMBER_LIMIT


def _number(value: Value) -> int:
    """validate_pos_int; the command line's int() and auto_int() come to the same but for a leading zero."""
    if isinstance(value, str):
        value = int(value.replace("0", "0o", 1) if _OCTAL.match(value) else value, 0)
    if not isinstance(value, int) or value < 0:
        raise ValueError
    return int(value)


def _flag(value: Value) -> bool:
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if not isinstance(value, bool):
        raise ValueError
    return value


def _proxy(value: Value) -> bool:
    """validate_proxy_protocol: since 24.0 it also takes v1, v2 and auto."""
    if isinstance(value, str):
        return value.strip().lower() not in ("false", "off", "0", "none")
    return _flag(value)


def _strings(value: Value) -> tuple[str, ...]:
    items = value if isinstance(value, tuple) else (value,) if value else ()
    if not all(isinstance(item, str) for item in items):
        raise ValueError
    return tuple(str(item).strip() for item in items)


def _as_text(found: Fact[Value]) -> Fact[str]:
    if not isinstance(found, Known):
        return found
    if isinstance(found.value, (AtLeast, tuple)):
        return Unknown("its value is no text", found.places)
    if isinstance(found.value, str) and TOKEN.search(found.value):
        return Unknown("its value is not shown", found.places)
    return Known(str(found.value).strip(), found.places, found.origin)


def _in_directory(found: Fact[str], directory: Fact[str]) -> Fact[str]:
    if not isinstance(found, Known) or found.value.startswith("/"):
        return found if not isinstance(found, Known) else Known(_tidy(found.value), found.places, found.origin)
    if not isinstance(directory, Known):
        told = "a path" if found.origin is Origin.INHERITED else found.value
        return Unknown(f"{told} is relative to a directory that is not known", found.places)
    return Known(_tidy(posixpath.join(directory.value, found.value)), found.places, found.origin)


def _tidy(path: str) -> str:
    return posixpath.normpath(path) if path else path


def _at_least(written: Fact[Value], workers: Fact[int]) -> Fact[int]:
    if isinstance(written, Known) and isinstance(written.value, AtLeast):
        return Known(written.value.value, written.places, Origin.COMPUTED)
    return workers


def _worker_class(written: Fact[str], threads: Fact[int]) -> Fact[str]:
    """Config.worker_class_str: sync with more than one thread is gthread."""
    if not isinstance(written, Known) or not (written.value == "sync" or written.value.endswith("SyncWorker")):
        return written
    if isinstance(threads, Unknown):
        return Unknown(f"sync, or gthread if threads is above 1, and {threads.reason}", written.places)
    if isinstance(threads, Known) and threads.value > 1:
        return Known("gthread", (*threads.places, *written.places), Origin.COMPUTED)
    return written


def _shown(found: Known[Value]) -> str:
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
