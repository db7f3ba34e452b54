"""What a running Gunicorn was started with against what its unit says now.

systemd takes the command, the user and the directory when it starts the process. An edit of the unit, even one
that systemd has read, is in force at the next start only; a reload changes nothing of it.
"""

from __future__ import annotations

from posixpath import basename

from doctor.cause import Cause, Doubt, doubt
from doctor.facts import access
from doctor.facts.accounts import Accounts
from doctor.facts.value import ABSENT, Absent, Fact, Known, Origin, Place, Unknown
from doctor.grammar.programs import is_shell
from doctor.hosts.base import Content, Host, Stat
from doctor.hosts.hidden import is_hidden
from doctor.servers.gunicorn import Gunicorn, Plan
from doctor.servers.gunicorn.arguments import Arguments
from doctor.servers.gunicorn.arguments import parse as parse_arguments
from doctor.servers.gunicorn.launch import Launch, direct
from doctor.sources.process import Process
from doctor.sources.systemd import Unit
from doctor.sources.systemd.unchanged import unchanged_since

_VARIABLE = ("$", "`")
_FIRST_LINES = 256
_CHANGES_USER = frozenset(("sudo", "su", "runuser", "setpriv", "gosu", "su-exec", "chpst", "setuidgid"))

Changes = dict[str, Place]


def collect(host: Host, plan: Fact[Plan], gunicorn: Gunicorn) -> Fact[tuple[str, ...]]:
    """Differences that only a restart brings into force, each a phrase such as "workers 5 (it runs with 3)".

    Settings are compared, not texts. Absent: none, or nothing runs. Unknown where the command line of the process
    cannot be compared (it is a title, comes from a script, or depends on variables) and the unit was touched since.
    """
    if not isinstance(plan, Known) or not isinstance(gunicorn.master, Known):
        return Unknown.of(gunicorn.master) if isinstance(gunicorn.master, Unknown) else ABSENT
    of, master = plan.value.unit, gunicorn.master.value
    if of.need_daemon_reload.or_(False):
        return Unknown("systemd has not read the files of the unit yet", Cause.AMBIGUOUS, of.need_daemon_reload.places)
    changes: Changes = {}
    command = _command(host, plan.value, master, changes)
    accounts = Accounts(host)
    doubts = [command]
    # Another program may start it as whom it likes.
    if not isinstance(gunicorn.launcher, Known) or gunicorn.launcher.value != "other":
        doubts += [_user(accounts, of, master, changes), _group(accounts, of, master, changes)]
    doubts.append(_directory(host, of, gunicorn, master, changes))
    why = next(filter(None, doubts), None)
    if (changes or why) and unchanged_since(host, of, master.started):
        return ABSENT
    if changes:
        running = Place(note=f"pid {master.pid} command line", text=_line(master))
        places = tuple(dict.fromkeys(changes.values()))
        return Known(tuple(changes), (*places, running) if running.text else places, Origin.COMPUTED)
    return Unknown.of(why) if why else ABSENT


def _command(host: Host, plan: Plan, master: Process, changes: Changes) -> Doubt | None:
    """Compare the command lines; why that cannot be done, None if it was."""
    if not isinstance(master.argv, Known):
        return doubt(master.argv, "it has no command line", Cause.NOT_FOUND)
    running = direct(master.argv.value)
    planned = plan.written
    if running is None or planned is None or planned.kind == "flask" or not _is_written(plan.unit, planned):
        return Doubt("the command line of the unit is not Gunicorn's own", Cause.AMBIGUOUS)
    was = parse_arguments(running.arguments)
    now = parse_arguments(planned.arguments, variables=True)
    for name in sorted(now.settings.keys() | was.settings.keys()):
        _compare_setting(name, was, now, plan.place, changes)
    if now.application and was.application and now.application.value != was.application.value:
        word = str(now.application.value)
        if not word.startswith(_VARIABLE):
            changes[f"{word} (it runs {was.application.value})"] = plan.place
    for new, old in ((planned.program, running.program), (planned.python, running.python)):
        if not (new.startswith("/") and old.startswith("/")) or new == old or any(sign in new for sign in _VARIABLE):
            continue
        if not _is_shell_script(host, new):
            changes[f"{new} (it runs {old})"] = plan.place
    return Doubt(f"its command line depends on {now.opaque}", Cause.RUN_TIME) if now.opaque else None


def _is_shell_script(host: Host, program: str) -> bool:
    """A gunicorn that only looks for another one and becomes it, such as pyenv's.

    Not pip's own, which begins as one where a path is too long for the first line, or has a blank in it.
    """
    head = host.read(program, limit=_FIRST_LINES)
    text = head.text if isinstance(head, Content) else ""
    line, _, rest = text.partition("\n")
    words = line[2:].split() if line.startswith("#!") else []
    return any(is_shell(word) for word in words[:2]) and not rest.startswith("'''exec'")


def _is_written(unit: Unit, launch: Launch) -> bool:
    """The unit itself names the program; otherwise a script does, whose words are not the unit's."""
    commands = unit.exec_start.or_(())
    return any(launch.program in word for command in commands for word in command.argv)


def _compare_setting(name: str, was: Arguments, now: Arguments, place: Place, changes: Changes) -> None:
    before, after = was.settings.get(name), now.settings.get(name)
    if before is not None and after is not None and before.value == after.value:
        return
    if after is None:
        # What a variable in the command stands for may have brought it.
        if before is not None and not now.opaque:
            changes[f"no {_option(before.word)} (it runs with {_shown(before.value)})"] = place
        return
    shown = _shown(after.value)
    if any(sign in shown for sign in _VARIABLE):
        return
    running = f"it runs with {_shown(before.value)}" if before is not None else "it runs without"
    if before is not None and (is_hidden(shown) or isinstance(after.value, bool)):
        running = "it runs with another"
    label = _option(after.word) if isinstance(after.value, bool) else f"{_option(after.word)} {shown}"
    changes[f"{label} ({running})"] = place


def _option(word: str) -> str:
    return word.partition("=")[0].split()[0] if word.startswith("--") else word[:2]


def _shown(value: str | bool | tuple[str, ...]) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _user(accounts: Accounts, unit: Unit, master: Process, changes: Changes) -> Doubt | None:
    if _sets_user_itself(unit) or not isinstance(master.uid, Known):
        return None
    name = unit.user.or_("root")
    if isinstance(unit.user, Unknown):
        return unit.user
    uid = accounts.uid(name)
    if not isinstance(uid, Known):
        return uid if isinstance(uid, Unknown) else None
    if uid.value != master.uid.value:
        changes[f"User={name} (it runs as uid {master.uid.value})"] = _first(unit.user, f"User= of {unit.name}")
    return None


def _group(accounts: Accounts, unit: Unit, master: Process, changes: Changes) -> Doubt | None:
    """Only a group that is written: without one it is the user's own."""
    if _sets_user_itself(unit) or not isinstance(unit.group, Known) or not isinstance(master.gids, Known):
        return None
    gid = accounts.gid(unit.group.value)
    if not isinstance(gid, Known):
        return gid if isinstance(gid, Unknown) else None
    if gid.value not in master.gids.value:
        changes[f"Group={unit.group.value} (it runs without)"] = _first(unit.group, f"Group= of {unit.name}")
    return None


def _sets_user_itself(unit: Unit) -> bool:
    """A dynamic user has no fixed number; `+`, `!` and programs such as sudo choose another user."""
    if unit.dynamic_user.or_(False):
        return True
    commands = unit.exec_start.or_(())
    words = {basename(part) for command in commands for word in command.argv for part in word.split()}
    return bool(words & _CHANGES_USER) or any(set(command.prefixes) & set("+!") for command in commands)


def _directory(host: Host, unit: Unit, gunicorn: Gunicorn, master: Process, changes: Changes) -> Doubt | None:
    """The working directory, where Gunicorn stays in it and the path is no link that releases are switched by.

    A folder may also have been replaced by another of the same name: the unit must have been written since.
    """
    wanted = unit.working_directory
    if not isinstance(gunicorn.settings.chdir, Absent) or not isinstance(wanted, Known):
        return None
    if not isinstance(master.cwd, Known) or gunicorn.launcher != Known("direct", gunicorn.launcher.places):
        return None
    real = access.physical(host, wanted.value)
    if not isinstance(real, Known) or real.value != wanted.value or real.value == master.cwd.value.path:
        return None
    if any(_written_after(host, path, master.started) for path in _files(unit)):
        text = f"WorkingDirectory={wanted.value} (it runs in {master.cwd.value.path})"
        changes[text] = _first(wanted, f"WorkingDirectory= of {unit.name}")
    return None


def _files(unit: Unit) -> tuple[str, ...]:
    fragment = unit.fragment.map(lambda it: (it,)).or_(())
    return (*fragment, *(unit.drop_ins.or_(())))


def _written_after(host: Host, path: str, time: float) -> bool:
    stat = host.stat(path)
    return isinstance(stat, Stat) and max(stat.mtime, stat.ctime) > time


def _first(fact: Fact[str], note: str) -> Place:
    return fact.places[0] if not isinstance(fact, Unknown) and fact.places else Place(note=note)


def _line(master: Process) -> str:
    return " ".join(master.argv.or_(()))
