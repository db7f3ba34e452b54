"""Units of files alone: a repository, or a machine whose manager does not answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from doctor.cause import Cause, Doubt, doubt
from doctor.facts.accounts import Accounts
from doctor.facts.value import Fact, Known, Unknown, completed, computed
from doctor.grammar.gaps import marked
from doctor.grammar.programs import WEB_PROGRAM
from doctor.grammar.unitfile import (
    SEARCH_PATH,
    Merged,
    UnitFile,
    drop_in_folders,
    order_drop_ins,
    parse,
    specifiers,
    template_of,
)
from doctor.hosts.base import Content, DocumentKind, Host, Machine, TextKind, Unseen
from doctor.sources.systemd import dropins
from doctor.sources.systemd.build import build_socket, build_unit
from doctor.sources.systemd.interest import OWN_FOLDERS
from doctor.sources.systemd.model import LoadedUnit, SocketUnit, Systemd, Unit
from doctor.sources.systemd.settings import Settings
from doctor.sources.systemd.show import Shown
from doctor.sources.systemd.unread import unread_settings
from doctor.sources.systemd.version import systemd_version

_BOOTS = Unknown("a repository does not tell what a machine starts when it boots", Cause.OUTSIDE)
_STATIC = Doubt("a repository has no running service", Cause.OUTSIDE)
_NOT_ASKED = Doubt("systemd was not asked about this unit", Cause.NOT_ASKED)
_STARTER = re.compile(r"\.(?:target|timer|path|wants)(?:\.|$)")
"""Files beside a unit that may start it."""


def collect_repository(host: Host) -> Systemd:
    """Every web service of a repository. Two files of one name in two folders are two units.

    Drop-ins count for the unit beside their folder; where the repository has one unit of the name only,
    wherever they lie.
    """
    kinds = {document.path: document.kind for document in host.documents()}
    drop_ins = [path for path, kind in kinds.items() if kind is DocumentKind.DROPIN]
    files: dict[str, UnitFile] = {}
    for path, kind in kinds.items():
        if kind in {DocumentKind.UNIT, DocumentKind.SOCKET, DocumentKind.DROPIN}:
            answer = host.read(path, TextKind.UNIT)
            if isinstance(answer, Content):
                files[path] = parse(marked(answer.text) or answer.text, path)
    fragments = {path: _unit_name(path, kinds[path]) for path in files if kinds[path] is not DocumentKind.DROPIN}
    accounts = Accounts(host)
    names = list(fragments.values())
    settings = []
    for path, name in sorted(fragments.items()):
        mine = _beside(path, name, drop_ins, alone=names.count(name) == 1)
        merged = Merged((files[path], *(files[item] for item in order_drop_ins(mine) if item in files)))
        settings.append(_settings(name, merged, path, "systemd", _STATIC, ""))
    merged_of = {item.name if names.count(item.name) == 1 else "": item.merged for item in settings}
    units = [
        _completed(
            replace(unit, load_state=_would_load(unit)),
            _never_wanted(host, unit, merged_of.get(unit.name)) or _BOOTS,
            _BOOTS,
        )
        for unit in _units(settings, accounts, None)
    ]
    return Systemd(available=Unknown.of(_STATIC), version=Unknown.of(_STATIC), units=_told_apart(units))


def _told_apart(units: list[Unit]) -> tuple[Unit, ...]:
    """Variants of one unit (staging, production) are named with their folder."""
    count = Counter(unit.name for unit in units)
    named = [
        replace(unit, name=f"{unit.fragment.value.rpartition('/')[0] or '.'}/{unit.name}")
        if count[unit.name] > 1 and isinstance(unit.fragment, Known)
        else unit
        for unit in units
    ]
    return tuple(named)


def _would_load(unit: LoadedUnit) -> Fact[str]:
    """What systemd would say of the files: bad-setting where it refuses one of their lines."""
    fatal = next((problem for problem in unit.problems if problem.meets(lambda it: it.fatal)), None)
    if fatal is not None:
        return computed("bad-setting", *fatal.places)
    return computed("loaded", *unit.fragment.places)


def _never_wanted(host: Host, unit: LoadedUnit, merged: Merged | None) -> Known[str] | None:
    """Known where no boot can ever start it: it cannot be enabled, and no other file of the repository starts it."""
    if merged is None or unit.triggered_by or unit.template or not isinstance(unit.fragment, Known):
        return None
    bound = any(merged.values("Unit", key) for key in ("PartOf", "BindsTo"))
    installed = any(item.section == "Install" for file in merged.files for item in file.assignments)
    beside = host.list(unit.fragment.value.rpartition("/")[0] or ".")
    others = beside if isinstance(beside, tuple) else ()
    if bound or installed or any(_STARTER.search(name) for name in others):
        return None
    for document in host.documents():
        answer = host.read(document.path) if document.kind is DocumentKind.SCRIPT else None
        if isinstance(answer, Content) and "wants" in answer.text:
            return None
    return computed("its file has no [Install] section, and nothing here wants it", *unit.fragment.places)


def _unit_name(path: str, kind: DocumentKind) -> str:
    """shop.service for shop.service, shop.service.example and a bare shop."""
    name = path.rpartition("/")[2]
    suffix = ".socket" if kind is DocumentKind.SOCKET else ".service"
    stem, found, _ = name.partition(suffix)
    return f"{stem}{suffix}" if found else f"{name.partition('.')[0]}{suffix}"


def _beside(path: str, name: str, drop_ins: Iterable[str], *, alone: bool) -> list[str]:
    """Drop-ins of a unit file of a repository, the most particular folder first."""
    parent = path.rpartition("/")[0]
    own = f"{name}.d"
    found = []
    for folder in drop_in_folders(name):
        for drop_in in drop_ins:
            directory = drop_in.rpartition("/")[0]
            above, _, last = directory.rpartition("/")
            if last == folder and (above == parent or (alone and folder == own)):
                found.append(drop_in)
    return found


def collect_disk(host: Host, also: frozenset[str], available: Fact[bool], silent: Doubt) -> Systemd:
    """Units as they lie in the search path of a machine whose manager does not answer, and why it does not."""
    names: dict[str, str] = {}
    folders = dropins.folders_of(host)
    for folder in SEARCH_PATH:
        entries = host.list(folder)
        for name in entries if isinstance(entries, tuple) else ():
            if name.endswith((".service", ".socket")):
                own = folder.startswith(OWN_FOLDERS)
                if own or name in also or WEB_PROGRAM.search(name):
                    names.setdefault(name, f"{folder}/{name}")
    for name in also:
        template = template_of(name)
        if name not in names and template in names:
            names[name] = names[template]
    machine = host.machine()
    host_name = machine.hostname if isinstance(machine, Machine) else ""
    version = systemd_version(host)
    label = f"systemd {version.value}" if version else "systemd"
    settings = []
    for name, path in sorted(names.items()):
        files, missing = _read_all(host, name, path, folders)
        settings.append(_settings(name, Merged(files), path, label, silent, host_name, missing))
    return Systemd(
        available=available,
        version=version or Unknown("the library of systemd was not found", Cause.NOT_FOUND),
        units=tuple(
            _completed(unit, Unknown.of(silent), Unknown.of(silent))
            for unit in _units(settings, Accounts(host), version.value if version else None)
        ),
    )


def on_disk(host: Host, folder: str, key: str) -> Iterator[LoadedUnit | Doubt]:
    """The services of a folder of a machine in which a setting stands, as their files and drop-ins say.

    Whatever they run; their state is Unknown. A Doubt: the file could not be read. One that is masked (a link to
    /dev/null reads as a device) has no settings.
    """
    folders = dropins.folders_of(host)
    entries = host.list(folder)
    for name in entries if isinstance(entries, tuple) else ():
        if not name.endswith(".service"):
            continue
        path = f"{folder}/{name}"
        answer = host.read(path, TextKind.UNIT)
        if isinstance(answer, Content) and (key in answer.text or f"{name}.d" in folders):
            files, missing = _read_all(host, name, path, folders)
            settings = _settings(name, Merged(files), path, "systemd", _NOT_ASKED, "", missing)
            yield build_unit(settings, Accounts(host), (), None)
        elif isinstance(answer, Unseen) and answer.cause is not Cause.UNREADABLE:
            yield answer


def _read_all(
    host: Host, name: str, path: str, folders: Mapping[str, list[str]]
) -> tuple[tuple[UnitFile, ...], Doubt | None]:
    """The fragment and its drop-ins, and why one of them could not be read."""
    paths: list[str] = []
    for folder in drop_in_folders(name):
        for directory in folders.get(folder, ()):
            entries = host.list(directory)
            paths += (f"{directory}/{entry}" for entry in (entries if isinstance(entries, tuple) else ()))
    files: list[UnitFile] = []
    missing: Doubt | None = None
    for item in (path, *order_drop_ins(paths)):
        stat = host.stat(item)
        if getattr(stat, "target", "") == "/dev/null":
            continue
        answer = host.read(item, TextKind.UNIT)
        if isinstance(answer, Content):
            files.append(parse(answer.text, item))
        else:
            missing = doubt(answer, "not there", Cause.NOT_FOUND).about(item)
    return tuple(files), missing


def _settings(
    name: str, merged: Merged, path: str, version: str, silent: Doubt, host_name: str, incomplete: Doubt | None = None
) -> Settings:
    return Settings(
        name=name,
        merged=merged,
        known=specifiers(name, host_name=host_name, fragment=path),
        shown=Shown(name, silent),
        version=version,
        section="Socket" if name.endswith(".socket") else "Service",
        incomplete=incomplete,
    )


def _units(settings: list[Settings], accounts: Accounts, version: int | None) -> tuple[LoadedUnit, ...]:
    sockets = [(item, build_socket(item)) for item in settings if item.section == "Socket"]
    return tuple(
        build_unit(item, accounts, _sockets_of(item, sockets), version)
        for item in settings
        if item.section == "Service" and _is_web(item)
    )


def _completed(unit: LoadedUnit, missed: Fact[str], unknown: Unknown) -> Unit:
    """What files alone tell. `unknown`: why they do not tell the rest."""
    return completed(
        Unit,
        unit,
        unread=unread_settings(unit),
        not_started_at_boot=missed,
        enabling_starts_it=unknown,
        start_blocker=unknown,
        set_after_ours=(),
    )


def _is_web(settings: Settings) -> bool:
    # In whatever section they stand: [Service] may be misspelt.
    commands = [a for file in settings.merged.files for a in file.assignments if a.key == "ExecStart"]
    return any(WEB_PROGRAM.search(command.value) for command in commands) or bool(WEB_PROGRAM.search(settings.name))


def _sockets_of(service: Settings, sockets: list[tuple[Settings, SocketUnit]]) -> tuple[SocketUnit, ...]:
    """Socket units that start a service: named in its Sockets=, naming it in Service=, or of the same name."""
    wanted = {word for item in service.merged.values("Service", "Sockets") for word in item.value.split()}
    found = []
    for settings, socket in sockets:
        target = settings.merged.value("Socket", "Service")
        name = target.value if target else f"{settings.name.removesuffix('.socket')}.service"
        if name == service.name or settings.name in wanted:
            found.append((_folder(settings), socket))
    # Of variants in a repository each service has the socket unit beside it.
    beside = [socket for folder, socket in found if folder == _folder(service)]
    names = {socket.name for socket in beside}
    return tuple(beside + [socket for _, socket in found if socket.name not in names])


def _folder(settings: Settings) -> str:
    return settings.merged.files[0].path.rpartition("/")[0] if settings.merged.files else ""
