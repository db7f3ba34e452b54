"""Which units of a machine are worth a look: those that start a web program, or did before somebody broke them."""

from __future__ import annotations

import re

from doctor.grammar.execline import parse_shown
from doctor.grammar.ours import REHEARSAL
from doctor.grammar.programs import WEB_PROGRAM
from doctor.grammar.unitfile import SEARCH_PATH, Merged, is_template, parse, template_of
from doctor.hosts.base import Content, Host, Stat, TextKind
from doctor.sources.systemd.show import Properties

_OWN_PYTHON = re.compile(r"python[\d.]*\s(?:-\S+\s)*(?!/usr/|/bin/|/sbin/|/lib)\S*\.py\b")
_SYSTEM_PROGRAMS = ("/usr/bin/", "/usr/sbin/", "/usr/lib", "/usr/share/", "/bin/", "/sbin/", "/lib")
_OF_THE_SYSTEM = (
    "systemd-", "initrd-", "modprobe@", "getty", "console-getty", "serial-getty", "user@", "user-runtime-dir@", "dbus",
    "emergency", "rescue", "plymouth", "e2scrub", "fstrim", "kmod", "lvm2", "blk-availability", "apt-daily", "man-db",
    "auditd", "postgresql", "redis", "docker", "podman",
)  # fmt: skip
OWN_FOLDERS = ("/etc/", "/run/", "/usr/local/")
"""Where the administrator keeps units."""

_NOT_LOADED = frozenset(("bad-setting", "error"))
_SCRIPT_LIMIT = 4096


def candidates(host: Host, listing: str) -> tuple[str, ...]:
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
        if not folder.startswith(OWN_FOLDERS):
            continue
        entries = host.list(folder)
        for name in entries if isinstance(entries, tuple) else ():
            if name.startswith(_OF_THE_SYSTEM):
                continue
            service = name.endswith(".service")
            if name.endswith(".socket") or (
                service and (_starts_web(host, f"{folder}/{name}") or _masks_web(host, folder, name))
            ):
                found.add(name)
            elif name.endswith(".service.d") and name[:-2] not in found:
                files = host.list(f"{folder}/{name}")
                paths = [f"{folder}/{name}/{file}" for file in (files if isinstance(files, tuple) else ())]
                if any(path.endswith(".conf") and _starts_web(host, path) for path in paths):
                    found.add(name[:-2])
    return found


def _masks_web(host: Host, folder: str, name: str) -> bool:
    """A link to /dev/null hides a unit of that name, of a package, which starts a web program."""
    if isinstance(host.read(f"{folder}/{name}", TextKind.UNIT), Content):
        return False
    link = host.stat(f"{folder}/{name}")
    if not isinstance(link, Stat) or link.target != "/dev/null":
        return False
    return any(_starts_web(host, f"{other}/{name}") for other in SEARCH_PATH if other != folder)


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


def as_before_masking(host: Host, name: str, properties: Properties) -> Properties:
    """Of a masked unit the manager names the link to /dev/null: the file that it hides says what the unit was for."""
    if properties.get("LoadState", ("",))[0] != "masked":
        return properties
    hidden = next((path for folder in SEARCH_PATH if _starts_web(host, path := f"{folder}/{name}")), "")
    return {**properties, "FragmentPath": (hidden,)}


def is_bereft(name: str, properties: Properties, also: frozenset[str]) -> bool:
    """Its file is gone while a Gunicorn runs in it: the manager knows no command of it any more."""
    state, active = (properties.get(key, ("",))[0] for key in ("LoadState", "ActiveState"))
    return name in also and state == "not-found" and active == "active"


def is_of_interest(host: Host, name: str, properties: Properties) -> bool:
    """Its name or a command says so; of one that did not load, its files will tell."""
    state = properties.get("LoadState", ("",))[0]
    if WEB_PROGRAM.search(name) or state in _NOT_LOADED or (state == "masked" and properties["FragmentPath"][0]):
        return True
    shown = (parse_shown(line) for line in properties.get("ExecStart", ()))
    return any(_web_command(host, command.arguments) for command in shown if command is not None)


def is_still_of_interest(name: str, properties: Properties, merged: Merged) -> bool:
    """A unit that did not load shows no command: its files tell whether it is one of ours."""
    if properties.get("LoadState", ("",))[0] not in _NOT_LOADED:
        return True
    text = " ".join(item.value for item in merged.values("Service", "ExecStart"))
    return bool(WEB_PROGRAM.search(f"{name} {text}") or _OWN_PYTHON.search(text))
