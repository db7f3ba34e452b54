"""Units of a running manager: which are worth a look, what it says of them, and their files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from doctor.facts.systemd.accounts import Accounts
from doctor.facts.systemd.boot import Boot, enabling_starts_it
from doctor.facts.systemd.build import build_socket, build_unit
from doctor.facts.systemd.model import SocketUnit, Systemd
from doctor.facts.systemd.needs import hindrance, states
from doctor.facts.systemd.settings import Settings
from doctor.facts.systemd.show import Properties, Shown, parse_show
from doctor.facts.value import Known, Place, Unknown
from doctor.grammar.execline import parse_shown
from doctor.grammar.ours import REHEARSAL
from doctor.grammar.unitfile import (
    SEARCH_PATH,
    Merged,
    UnitFile,
    drop_in_folders,
    is_template,
    order_drop_ins,
    parse,
    set_after_ours,
    specifiers,
    template_of,
)
from doctor.hosts.base import Content, FileType, Host, Machine, Missing, Output, Stat, TextKind, Unseen
from doctor.hosts.commands import cat_units, list_units, show_units

WEB_PROGRAM = re.compile(r"gunicorn|uvicorn|hypercorn|waitress|uwsgi|flask|wsgi|nginx|manage\.py", re.IGNORECASE)
"""What the command of a unit of interest mentions."""

_OWN_PYTHON = re.compile(r"python[\d.]*\s(?:-\S+\s)*(?!/usr/|/bin/|/sbin/|/lib)\S*\.py\b")
_SYSTEM_PROGRAMS = ("/usr/bin/", "/usr/sbin/", "/usr/lib", "/usr/share/", "/bin/", "/sbin/", "/lib")
_OF_THE_SYSTEM = (
    "systemd-", "initrd-", "modprobe@", "getty", "console-getty", "serial-getty", "user@", "user-runtime-dir@", "dbus",
    "emergency", "rescue", "plymouth", "e2scrub", "fstrim", "kmod", "lvm2", "blk-availability", "apt-daily", "man-db",
    "auditd", "postgresql", "redis", "docker", "podman",
)  # fmt: skip
_LIBRARY = re.compile(r"libsystemd-shared-(\d+)")
_OWN_FOLDERS = ("/etc/", "/run/", "/usr/local/")
_LIKE_A_DROP_IN = re.compile(r"[\w@-]+(?:\.(?:cfg|cnf|config|ini|service|unit))?", re.ASCII)
_NOT_LOADED = frozenset(("bad-setting", "error"))
_SCRIPT_LIMIT = 4096
_AT_ONCE = 300


def collect_machine(host: Host, also: frozenset[str]) -> Systemd | str:
    """The manager's units of interest; the reason, where the manager does not answer."""
    command = list_units()
    answer = host.run(command)
    if isinstance(answer, Missing):
        return "systemctl is not installed"
    if isinstance(answer, Unseen):
        return answer.reason
    if answer.status != 0:
        said = answer.stderr.strip().partition("\n")[0] or f"status {answer.status}"
        return f"systemctl failed: {said}"
    candidates = _candidates(host, answer.stdout)
    shown = _show(host, candidates) | _show(host, tuple(sorted(_with_sockets(also).difference(candidates))))
    shown = {name: _as_before_masking(host, name, properties) for name, properties in shown.items()}
    services = [
        name
        for name in shown
        if name.endswith(".service") and (_of_interest(host, name, shown[name]) or _bereft(name, shown[name], also))
    ]
    sockets = [
        name
        for name, properties in shown.items()
        if name.endswith(".socket") and any(word in services for word in properties.get("Triggers", ("",))[0].split())
    ]
    folders = _drop_in_folders(host)
    unread = {name: _unread(host, name, shown[name], folders) for name in (*services, *sockets)}
    files = _files(host, {name: shown[name] for name in (*services, *sockets)}, unread)
    version = systemd_version(host)
    accounts = Accounts(host)
    settings = {
        name: _settings(host, name, shown[name], files, version, unread[name], _passed_over(host, name, folders))
        for name in (*services, *sockets)
    }
    built = {name: build_socket(settings[name]) for name in sockets}
    boot = Boot(host, shown)
    listed = states(answer.stdout)
    units = tuple(
        replace(
            build_unit(settings[name], accounts, _triggering(shown[name], built), version.value if version else None),
            missed_at_boot=boot.missed(settings[name]),
            enabling_starts_it=enabling_starts_it(settings[name]),
            set_after_ours=set_after_ours(settings[name].merged, "Service"),
        )
        for name in services
        if _still_of_interest(name, shown[name], settings[name].merged)
    )
    return Systemd(
        available=Known(True, (Place(command=command.text),)),
        version=version or Unknown("the library of systemd was not found"),
        units=tuple(
            replace(unit, hindrance=hindrance(unit, settings[unit.name], listed, command.text)) for unit in units
        ),
    )


def _with_sockets(services: frozenset[str]) -> frozenset[str]:
    return services | {f"{name.removesuffix('.service')}.socket" for name in services}


def _candidates(host: Host, listing: str) -> tuple[str, ...]:
    """Names worth asking the manager about.

    Asking about a unit that is not loaded makes the manager load it, which costs milliseconds for each. So
    the administrator's own unit files are read first; a unit of the distribution counts when its name says
    it is a web server, or when it has failed.
    """
    names: set[str] = set()
    own = _own_web_units(host)
    for line in listing.splitlines():
        words = line.replace("●", " ").split(maxsplit=4)
        if len(words) < 4:
            continue
        name, load, active, sub = words[:4]
        web = name in own or template_of(name) in own or WEB_PROGRAM.search(name)
        broken = (active == "failed" or sub == "auto-restart") and not name.startswith(_OF_THE_SYSTEM)
        if web or (broken and load not in {"not-found", "masked"}):
            names.add(name)
    names |= own
    for folder in SEARCH_PATH:
        entries = host.list(folder)
        names.update(name for name in (entries if isinstance(entries, tuple) else ()) if WEB_PROGRAM.search(name))
    return tuple(
        sorted(
            name
            for name in names
            if name.endswith((".service", ".socket")) and not is_template(name) and not name.startswith(REHEARSAL)
        )
    )


def _own_web_units(host: Host) -> set[str]:
    """Units of the administrator with a file or drop-in that starts a web program, and all sockets."""
    found: set[str] = set()
    for folder in SEARCH_PATH:
        if not folder.startswith(_OWN_FOLDERS):
            continue
        entries = host.list(folder)
        for name in entries if isinstance(entries, tuple) else ():
            if name.startswith(_OF_THE_SYSTEM):
                continue
            if name.endswith(".socket") or (name.endswith(".service") and _starts_web(host, f"{folder}/{name}")):
                found.add(name)
            elif name.endswith(".service.d") and name[:-2] not in found:
                files = host.list(f"{folder}/{name}")
                paths = [f"{folder}/{name}/{file}" for file in (files if isinstance(files, tuple) else ())]
                if any(path.endswith(".conf") and _starts_web(host, path) for path in paths):
                    found.add(name[:-2])
    return found


def _starts_web(host: Host, path: str) -> bool:
    """A command in the unit file starts a web program, itself or through a script."""
    answer = host.read(path, TextKind.UNIT)
    if not isinstance(answer, Content) or "ExecStart" not in answer.text:
        return False
    for assignment in parse(answer.text, path).assignments:
        if assignment.key == "ExecStart" and _web_command(host, assignment.value):
            return True
    return False


def _web_command(host: Host, command: str) -> bool:
    if WEB_PROGRAM.search(command) or _OWN_PYTHON.search(command):
        return True
    # A script of the administrator's own that starts one: `ExecStart=/srv/shop/start.sh`.
    for path in command.lstrip("-@+!:|").split(maxsplit=2)[:2]:
        if path.startswith("/") and not path.startswith(_SYSTEM_PROGRAMS):
            answer = host.read(path, limit=_SCRIPT_LIMIT)
            return isinstance(answer, Content) and "\0" not in answer.text and bool(WEB_PROGRAM.search(answer.text))
    return False


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


def _as_before_masking(host: Host, name: str, properties: Properties) -> Properties:
    """Of a masked unit the manager names the link to /dev/null: the file that it hides says what the unit was for."""
    if properties.get("LoadState", ("",))[0] != "masked":
        return properties
    hidden = next((path for folder in SEARCH_PATH if _starts_web(host, path := f"{folder}/{name}")), "")
    return {**properties, "FragmentPath": (hidden,)}


def _bereft(name: str, properties: Properties, also: frozenset[str]) -> bool:
    """Its file is gone while a Gunicorn runs in it: the manager knows no command of it any more."""
    state, active = (properties.get(key, ("",))[0] for key in ("LoadState", "ActiveState"))
    return name in also and state == "not-found" and active == "active"


def _of_interest(host: Host, name: str, properties: Properties) -> bool:
    """Its name or a command says so; of one that did not load, its files will tell."""
    state = properties.get("LoadState", ("",))[0]
    if WEB_PROGRAM.search(name) or state in _NOT_LOADED or (state == "masked" and properties["FragmentPath"][0]):
        return True
    shown = (parse_shown(line) for line in properties.get("ExecStart", ()))
    return any(_web_command(host, command.arguments) for command in shown if command is not None)


def _still_of_interest(name: str, properties: Properties, merged: Merged) -> bool:
    """A unit that did not load shows no command: its files tell whether it is one of ours."""
    if properties.get("LoadState", ("",))[0] not in _NOT_LOADED:
        return True
    text = " ".join(item.value for item in merged.values("Service", "ExecStart"))
    return bool(WEB_PROGRAM.search(f"{name} {text}") or _OWN_PYTHON.search(text))


def _drop_in_folders(host: Host) -> dict[str, list[str]]:
    """Drop-in folders by their name, the strongest first."""
    folders: dict[str, list[str]] = {}
    for folder in SEARCH_PATH:
        entries = host.list(folder)
        for name in entries if isinstance(entries, tuple) else ():
            if name.endswith(".d"):
                folders.setdefault(name, []).append(f"{folder}/{name}")
    return folders


def _unread(host: Host, name: str, properties: Properties, folders: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Drop-ins on disk that the manager has not read, in the order they would be applied.

    NeedDaemonReload= misses the first drop-in of a unit where the manager remembers that there was no such folder
    (seen with systemd 252). Names are compared, for /lib and /usr/lib may be one folder.
    """
    known = {path.rpartition("/")[2] for path in _paths(properties)}
    paths: list[str] = []
    for folder in drop_in_folders(name):
        for directory in folders.get(folder, ()):
            paths += (f"{directory}/{entry}" for entry in _entries(host, directory))
    return tuple(
        path for path in order_drop_ins(paths) if path.rpartition("/")[2] not in known and _is_file(host, path)
    )


def _passed_over(host: Host, name: str, folders: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Files in the administrator's own drop-in folder of a unit that read like drop-ins and are none by their name.

    A copy that somebody set aside (override.conf.bak, override.conf.disabled, .override.conf.swp) is meant to be.
    """
    paths = [
        f"{directory}/{entry}"
        for directory in folders.get(f"{name}.d", ())
        if directory.startswith("/etc/")
        for entry in _entries(host, directory)
        if _LIKE_A_DROP_IN.fullmatch(entry)
    ]
    texts = {path: host.read(path, TextKind.UNIT) for path in paths}
    return tuple(
        path
        for path, content in texts.items()
        if isinstance(content, Content) and any(parse(content.text, path).assignments)
    )


def _entries(host: Host, directory: str) -> tuple[str, ...]:
    entries = host.list(directory)
    return entries if isinstance(entries, tuple) else ()


def _is_file(host: Host, path: str) -> bool:
    """A regular file, or a link to something: a link to /dev/null masks a drop-in."""
    stat = host.stat(path)
    return isinstance(stat, Stat) and stat.type in {FileType.FILE, FileType.LINK} and stat.target != "/dev/null"


def _files(host: Host, units: Mapping[str, Properties], unread: Mapping[str, tuple[str, ...]]) -> dict[str, UnitFile]:
    """The files of the units by path, from one `systemctl cat`; what it did not print is read from disk."""
    expected = [path for properties in units.values() for path in _paths(properties)]
    if not expected:
        return {}
    answer = host.run(cat_units(tuple(name for name, properties in units.items() if _paths(properties))))
    texts = split_cat(answer.stdout, expected) if isinstance(answer, Output) and not answer.truncated else {}
    for path in (*expected, *(path for paths in unread.values() for path in paths)):
        if path not in texts:
            content = host.read(path, TextKind.UNIT)
            if isinstance(content, Content):
                texts[path] = content.text
    return {path: parse(text, path) for path, text in texts.items()}


def _paths(properties: Properties) -> tuple[str, ...]:
    fragment = properties.get("FragmentPath", ("",))[0]
    return (*((fragment,) if fragment else ()), *properties.get("DropInPaths", ("",))[0].split())


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
    paths = _paths(properties)
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
        incomplete=f"{missing[0]} could not be read" if missing else "" if paths else f"the file of {name} is gone",
        unread=unread,
        passed_over=passed_over,
    )


def _triggering(properties: Properties, sockets: Mapping[str, SocketUnit]) -> tuple[SocketUnit, ...]:
    names = properties.get("TriggeredBy", ("",))[0].split()
    own = properties.get("Id", ("",))[0].removesuffix(".service") + ".socket"
    return tuple(sockets[name] for name in dict.fromkeys((*names, own)) if name in sockets)


def systemd_version(host: Host) -> Known[int] | None:
    """From the name of systemd's shared library, which every release changes."""
    for folder in (
        "/usr/lib/systemd", "/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd",
        "/usr/lib64/systemd", "/lib/systemd",
    ):  # fmt: skip
        entries = host.list(folder)
        for name in entries if isinstance(entries, tuple) else ():
            found = _LIBRARY.match(name)
            if found:
                return Known(int(found.group(1)), (Place(path=f"{folder}/{name}"),))
    return None
