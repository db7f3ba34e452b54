"""Units of a running manager: what it says of them, and their files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from doctor.cause import Cause, Doubt
from doctor.facts.accounts import Accounts
from doctor.facts.value import Fact, Known, Place, Unknown, completed
from doctor.grammar.unitfile import (
    Merged,
    UnitFile,
    order_drop_ins,
    parse,
    set_after_ours,
    specifiers,
)
from doctor.hosts.base import Content, Host, Machine, Missing, Output, TextKind, Unseen
from doctor.hosts.commands import cat_units, list_units, show_units
from doctor.sources.systemd import dropins
from doctor.sources.systemd.boot import Boot, enabling_starts_it
from doctor.sources.systemd.build import build_socket, build_unit
from doctor.sources.systemd.interest import (
    as_before_masking,
    candidates,
    is_bereft,
    is_of_interest,
    is_still_of_interest,
)
from doctor.sources.systemd.model import LoadedUnit, SocketUnit, Systemd, Unit
from doctor.sources.systemd.needs import start_blocker, states
from doctor.sources.systemd.settings import Settings
from doctor.sources.systemd.show import Properties, Shown, parse_show, paths_of
from doctor.sources.systemd.unread import unread_settings
from doctor.sources.systemd.version import systemd_version

_AT_ONCE = 300


def collect_machine(host: Host, also: frozenset[str]) -> Systemd | Unseen:
    """The manager's units of interest; the reason, where the manager does not answer."""
    command = list_units()
    answer = host.run(command)
    if isinstance(answer, Missing):
        return Unseen("systemctl is not installed", Cause.NOT_FOUND)
    if isinstance(answer, Unseen):
        return answer
    if answer.status != 0:
        said = answer.stderr.strip().partition("\n")[0] or f"status {answer.status}"
        return Unseen(f"systemctl failed: {said}", Cause.UNREADABLE)
    asked = candidates(host, answer.stdout)
    shown = _show(host, asked) | _show(host, tuple(sorted(_with_sockets(also).difference(asked))))
    shown = {name: as_before_masking(host, name, properties) for name, properties in shown.items()}
    services = [
        name
        for name in shown
        if name.endswith(".service") and (is_of_interest(host, name, shown[name]) or is_bereft(name, shown[name], also))
    ]
    sockets = [
        name
        for name, properties in shown.items()
        if name.endswith(".socket") and any(word in services for word in properties.get("Triggers", ("",))[0].split())
    ]
    folders = dropins.folders_of(host)
    unread = {name: dropins.unread(host, name, shown[name], folders) for name in (*services, *sockets)}
    files = _files(host, {name: shown[name] for name in (*services, *sockets)}, unread)
    version = systemd_version(host)
    accounts = Accounts(host)
    settings = {
        name: _settings(host, name, shown[name], files, version, unread[name], dropins.passed_over(host, name, folders))
        for name in (*services, *sockets)
    }
    built = {name: build_socket(settings[name]) for name in sockets}
    boot = Boot(host, shown)
    listed = states(answer.stdout)
    loaded = (
        build_unit(settings[name], accounts, _triggering(shown[name], built), version.value if version else None)
        for name in services
        if is_still_of_interest(name, shown[name], settings[name].merged)
    )
    units = tuple(
        _completed(
            unit,
            settings[unit.name],
            boot,
            start_blocker(unit, settings[unit.name], listed, command.text),
        )
        for unit in loaded
    )
    return Systemd(
        available=Known(True, (Place(command=command.text),)),
        version=version or Unknown("the library of systemd was not found", Cause.NOT_FOUND),
        units=units,
    )


def _completed(unit: LoadedUnit, settings: Settings, boot: Boot, blocker: Fact[str]) -> Unit:
    return completed(
        Unit,
        unit,
        unread=unread_settings(unit),
        not_started_at_boot=boot.missed(settings),
        enabling_starts_it=enabling_starts_it(settings),
        start_blocker=blocker,
        set_after_ours=set_after_ours(settings.merged, "Service"),
    )


def _with_sockets(services: frozenset[str]) -> frozenset[str]:
    return services | {f"{name.removesuffix('.service')}.socket" for name in services}


def _show(host: Host, names: tuple[str, ...]) -> dict[str, Properties]:
    """Properties by unit name; an alias is found under the unit's own name."""
    found: dict[str, Properties] = {}
    for start in range(0, len(names), _AT_ONCE):
        answer = host.run(show_units(names[start : start + _AT_ONCE]))
        if isinstance(answer, Output):
            for properties in parse_show(answer.stdout):
                if "Id" in properties:
                    found.setdefault(properties["Id"][0], properties)
    return found


def _files(host: Host, units: Mapping[str, Properties], unread: Mapping[str, tuple[str, ...]]) -> dict[str, UnitFile]:
    """The files of the units by path, from one `systemctl cat`; what it did not print is read from disk."""
    expected = [path for properties in units.values() for path in paths_of(properties)]
    if not expected:
        return {}
    answer = host.run(cat_units(tuple(name for name, properties in units.items() if paths_of(properties))))
    texts = split_cat(answer.stdout, expected) if isinstance(answer, Output) and not answer.truncated else {}
    for path in (*expected, *(path for paths in unread.values() for path in paths)):
        if path not in texts:
            content = host.read(path, TextKind.UNIT)
            if isinstance(content, Content):
                texts[path] = content.text
    return {path: parse(text, path) for path, text in texts.items()}


def split_cat(text: str, expected: Iterable[str]) -> dict[str, str]:
    """Files in the output of `systemctl cat`, each after a `# /path` line, in the order that is expected.

    A comment in a unit may look like such a line; only the next expected path after a blank line is taken for one.
    """
    files: dict[str, list[str]] = {}
    waiting = list(dict.fromkeys(expected))
    current: list[str] = []
    before = ""
    for line in text.split("\n"):
        path = line[2:] if line.startswith("# /") and before == "" else ""
        if path and (path in waiting or path in files):
            # A drop-in of several units is printed once for each.
            current = [] if path in files else files.setdefault(path, [])
            if path in waiting:
                waiting.remove(path)
        else:
            current.append(line)
        before = line
    return {path: "\n".join(lines) for path, lines in files.items()}


def _settings(
    host: Host,
    name: str,
    properties: Properties,
    files: Mapping[str, UnitFile],
    version: Known[int] | None,
    unread: tuple[str, ...],
    passed_over: tuple[str, ...],
) -> Settings:
    paths = paths_of(properties)
    missing = [path for path in paths if path not in files]
    drop_ins = order_drop_ins((*paths[1:], *unread)) if unread else paths[1:]
    machine = host.machine()
    return Settings(
        name=name,
        merged=Merged(tuple(files[path] for path in (*paths[:1], *drop_ins) if path in files)),
        known=specifiers(
            name, host_name=machine.hostname if isinstance(machine, Machine) else "", fragment=paths[0] if paths else ""
        ),
        shown=Shown(name, properties),
        version=f"systemd {version.value}" if version else "systemd",
        section="Socket" if name.endswith(".socket") else "Service",
        incomplete=_incomplete(name, paths, missing),
        unread=unread,
        passed_over=passed_over,
    )


def _incomplete(name: str, paths: tuple[str, ...], missing: list[str]) -> Doubt | None:
    if missing:
        return Doubt(f"{missing[0]} could not be read", Cause.UNREADABLE)
    return None if paths else Doubt(f"the file of {name} is gone", Cause.VANISHED)


def _triggering(properties: Properties, sockets: Mapping[str, SocketUnit]) -> tuple[SocketUnit, ...]:
    names = properties.get("TriggeredBy", ("",))[0].split()
    own = properties.get("Id", ("",))[0].removesuffix(".service") + ".socket"
    return tuple(sockets[name] for name in dict.fromkeys((*names, own)) if name in sockets)
