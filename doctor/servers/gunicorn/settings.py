"""The settings in force, each with where it comes from."""

from __future__ import annotations

from doctor.cause import Cause, Doubt
from doctor.facts.address import Address, AddressKind, parse_bind
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.frozen import frozen
from doctor.hosts.base import Host
from doctor.servers.gunicorn.expression import AtLeast, Value
from doctor.servers.gunicorn.layers import DEFAULTS, CommandLine, Layers, shown
from doctor.servers.gunicorn.model import Settings, Shadowed
from doctor.servers.gunicorn.values import (
    as_text,
    beyond,
    converted,
    flag,
    in_directory,
    number,
    proxy,
    refusal,
    strings,
)
from doctor.sources.variables import Variables

_REPORTED = (
    "bind", "workers", "threads", "worker_class", "timeout", "graceful_timeout", "keepalive", "backlog", "chdir",
    "preload_app", "reload", "daemon", "pidfile", "umask", "user", "group", "max_requests", "max_requests_jitter",
    "certfile", "proxy_protocol", "forwarded_allow_ips", "pythonpath", "accesslog", "errorlog", "wsgi_app",
)  # fmt: skip
_FLAGS = frozenset({"preload_app", "reload", "daemon", "proxy_protocol"})


def compute(
    host: Host,
    command: CommandLine | Unknown,
    variables: Variables,
    start: Fact[str],
    version: Fact[str],
    import_path: tuple[str, ...] = (),
    unreachable: Doubt | None = None,
) -> Settings:
    """The effective settings of one Gunicorn.

    `command` is Unknown where the command line cannot be seen. `start`: the directory it starts in, links kept.
    `import_path`: where else modules are imported from. `unreachable`: why its files cannot be looked at, if so.
    """
    layers = Layers.read(host, command, variables, start, version, import_path, unreachable)
    given = _Typed(layers)
    chdir = in_directory(given.text("chdir"), start)
    directory = chdir if isinstance(chdir, Known) else start
    workers = layers.value("workers")
    return Settings(
        bind=given.bind(directory),
        workers=given.number("workers"),
        workers_at_least=_at_least(workers, given.number("workers")),
        threads=given.number("threads"),
        worker_class=_worker_class(given.text("worker_class"), given.number("threads")),
        timeout=given.number("timeout"),
        graceful_timeout=given.number("graceful_timeout"),
        keepalive=given.number("keepalive"),
        backlog=given.number("backlog"),
        chdir=chdir,
        chdir_relative=given.relative("chdir"),
        preload=given.flag("preload_app"),
        reload=given.flag("reload"),
        daemon=given.flag("daemon"),
        pidfile=in_directory(given.text("pidfile"), directory),
        umask=given.number("umask"),
        user=given.text("user"),
        group=given.text("group"),
        max_requests=given.number("max_requests"),
        max_requests_jitter=given.number("max_requests_jitter"),
        certfile=in_directory(given.text("certfile"), directory),
        protocol=given.text("protocol"),
        proxy_protocol=given.flag("proxy_protocol"),
        forwarded_allow_ips=given.text("forwarded_allow_ips"),
        pythonpath=given.text("pythonpath"),
        raw_env=given.names("raw_env"),
        access_log=given.text("accesslog"),
        error_log=given.text("errorlog"),
        wsgi_app=given.text("wsgi_app"),
        config_file=layers.file.path,
        config_is_module=layers.file.path.map(lambda _: layers.file.module),
        config_error=layers.file.error,
        argument_error=given.refused(),
        shadowed=given.shadowed(),
        misnamed=Known(layers.file.misnamed, layers.file.misnamed_places) if layers.file.misnamed else ABSENT,
    )


def unknown(why: Doubt, *places: Place) -> Settings:
    """Settings of which nothing can be told."""
    nothing = Unknown.of(why, places)
    return Settings(**dict.fromkeys(Settings.__dataclass_fields__, nothing))


@frozen
class _Typed:
    """The values in force, each as what it is."""

    layers: Layers

    def number(self, name: str) -> Fact[int]:
        """A whole number, 0 and up (validate_pos_int)."""
        return converted(self.layers.value(name), name, number)

    def flag(self, name: str) -> Fact[bool]:
        """A boolean; of proxy_protocol whether it is on at all."""
        return converted(self.layers.value(name), name, proxy if name == "proxy_protocol" else flag)

    def text(self, name: str) -> Fact[str]:
        """A string, blanks around it removed."""
        return as_text(self.layers.value(name))

    def relative(self, name: str) -> Fact[bool]:
        """A path is not written out from the root of the file system on."""
        found = self.text(name)
        in_file = not any(name in source for _, source in self.layers.sources[:-1])
        worked_out = in_file and name in self.layers.file.expressions
        return found.map(lambda path: worked_out or not path.startswith("/"))

    def names(self, name: str) -> Fact[tuple[str, ...]]:
        """The names of a list of NAME=value. Absent for none."""
        found = converted(self.layers.value(name), name, strings)
        return found.map(lambda items: tuple(item.partition("=")[0] for item in items))

    def bind(self, directory: Fact[str]) -> Fact[tuple[Address, ...]]:
        """Addresses as configured; a relative socket path is taken from the directory it runs in."""
        found = converted(self.layers.value("bind"), "bind", strings)
        if not isinstance(found, Known):
            return found
        base = directory.or_("")
        try:
            addresses = tuple(parse_bind(item, base) for item in found.value)
        except ValueError as error:
            told = "" if found.origin is Origin.INHERITED else f": {error}"
            return Unknown(f"Gunicorn refuses the bind address{told}", Cause.NOT_UNDERSTOOD, found.places)
        if isinstance(directory, Unknown) and any(a.kind is AddressKind.UNIX and a.path[:1] != "/" for a in addresses):
            return Unknown.of(directory.because("a relative socket path"), (*found.places, *directory.places))
        return Known(addresses, found.places, found.origin)

    def refused(self) -> Fact[str]:
        """Why Gunicorn does not start with these settings."""
        if not isinstance(self.layers.error, Absent):
            return self.layers.error
        for name in _REPORTED:
            found = self.layers.value(name)
            if isinstance(found, Known):
                is_number = isinstance(DEFAULTS.get(name), int) and name not in _FLAGS
                if is_number and isinstance(converted(found, name, number), Unknown) and not beyond(found.value):
                    return Known(refusal(found, name), found.places)
        if isinstance(self.layers.value("wsgi_app"), Absent) and isinstance(self.layers.value("paste"), Absent):
            # WSGIApplication.load_config: ConfigError
            return Known("no application module specified", self._command_places())
        return ABSENT

    def _command_places(self) -> tuple[Place, ...]:
        return next((fact.places[:1] for _, source in self.layers.sources for fact in source.values()), ())

    def shadowed(self) -> Fact[tuple[Shadowed, ...]]:
        """Settings of a weaker source that a stronger one overrides by another value."""
        found: list[Shadowed] = []
        places: list[Place] = []
        for index, (_, weaker) in enumerate(self.layers.sources):
            for name, loser in weaker.items():
                winner = next((source[name] for _, source in self.layers.sources[:index] if name in source), None)
                if winner is None or name not in _REPORTED:
                    continue
                if isinstance(winner, Known) and isinstance(loser, Known) and shown(winner) != shown(loser):
                    found.append(Shadowed(name, shown(loser), shown(winner)))
                    places += (*loser.places[:1], *winner.places[:1])
        return Known(tuple(found), tuple(places), Origin.COMPUTED) if found else ABSENT


def _at_least(written: Fact[Value], workers: Fact[int]) -> Fact[int]:
    if isinstance(written, Known) and isinstance(written.value, AtLeast):
        return Known(written.value.value, written.places, Origin.COMPUTED)
    return workers


def _worker_class(written: Fact[str], threads: Fact[int]) -> Fact[str]:
    """Config.worker_class_str: sync with more than one thread is gthread."""
    if not written.is_("sync") and not written.or_("").endswith("SyncWorker"):
        return written
    if isinstance(threads, Unknown):
        return Unknown.of(threads.because("sync, or gthread if threads is above 1, and", ""), written.places)
    if threads.meets(lambda it: it > 1):
        return Known("gthread", (*threads.places, *written.places), Origin.COMPUTED)
    return written
