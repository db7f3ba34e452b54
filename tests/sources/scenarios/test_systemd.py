from __future__ import annotations

from math import inf
from typing import Any

import pytest

from doctor.cause import Cause
from doctor.facts.address import Address, AddressKind
from doctor.facts.value import Absent, Known, Origin, Unknown
from doctor.grammar.execline import split_exec
from doctor.hosts.base import (
    Content,
    Document,
    DocumentKind,
    Host,
    Machine,
    Missing,
    Output,
    TargetKind,
    TextKind,
    Unseen,
)
from doctor.hosts.commands import Command
from doctor.sources.systemd import ExecCommand, Systemd, Unit, collect
from doctor.sources.systemd.machine import split_cat
from doctor.sources.systemd.reload import classify
from doctor.sources.systemd.show import parse_show, timestamp

UNIT = """[Service]
User=shop
Environment=A=1
ExecStart=/srv/shop/venv/bin/gunicorn -b 'unix:/run/a b.sock' app
ExecReload=/bin/kill -HUP $MAINPID
TimeoutStopSec=20
RuntimeDirectory=shop
Restarts=always
[Install]
WantedBy=multi-user.target
"""
DROP_IN = "[Service]\nTimeoutStopSec=7\n"
SHOW = """Type=simple
Restart=no
RestartUSec=100ms
TimeoutStartUSec=1min 30s
TimeoutStopUSec=7s
MainPID=107
NRestarts=2
ExecMainStartTimestamp=Sun 2026-11-22 09:42:27 UTC
ExecMainCode=2
ExecMainStatus=9
ExecStart={ path=/srv/shop/venv/bin/gunicorn ; argv[]=/srv/shop/venv/bin/gunicorn -b unix:/run/a b.sock app ; \
ignore_errors=no ; pid=107 }
ExecReload={ path=/bin/kill ; argv[]=/bin/kill -HUP $MAINPID ; ignore_errors=no ; pid=0 }
Environment=A=1
EnvironmentFiles=/etc/shop/env (ignore_errors=yes)
WorkingDirectory=
User=shop
Group=
KillSignal=15
UMask=0022
RuntimeDirectory=shop
Id=shop.service
Names=shop.service
LoadState=loaded
ActiveState=active
SubState=running
CanReload=yes
NeedDaemonReload=no
FragmentPath=/etc/systemd/system/shop.service
DropInPaths=/etc/systemd/system/shop.service.d/10.conf
TriggeredBy=

"""


class FakeHost:
    """Files of a dictionary and canned command output, in the shape of a Host."""

    def __init__(self, files: dict[str, str], outputs: dict[str, str] | None = None) -> None:
        self.kind = TargetKind.LIVE if outputs is not None else TargetKind.TREE
        self.name = "fake"
        self.files = files
        self.outputs = outputs or {}
        self.kinds: dict[str, DocumentKind] = {}
        self.booted = True

    def machine(self) -> Machine:
        return Machine("web1", 0, "root", 2, 0.0, self.booted, "")

    def run(self, command: Command) -> Output | Missing | Unseen:
        verb = command.arguments[0]
        return (
            Output(0, self.outputs[verb], "")
            if verb in self.outputs
            else Unseen("timed out after 5 s", Cause.TIMED_OUT)
        )

    def read(self, path: str, text: TextKind = TextKind.PLAIN, **options: Any) -> Content | Missing:
        return Content(self.files[path]) if path in self.files else Missing()

    def stat(self, path: str) -> Missing:
        return Missing()

    def list(self, path: str) -> tuple[str, ...] | Missing:
        below = {name[len(path) + 1 :].partition("/")[0] for name in self.files if name.startswith(f"{path}/")}
        return tuple(sorted(below)) if below else Missing()

    def documents(self) -> tuple[Document, ...]:
        return tuple(Document(path, kind) for path, kind in self.kinds.items())


def ask(host: FakeHost, *also: str) -> Systemd:
    assert set(dir(FakeHost)) - set(dir(object)) <= {*dir(Host), "__dict__", "__module__", "__weakref__"}
    return collect(host, frozenset(also))  # type: ignore[arg-type]


def live(show: str = SHOW, unit: str = UNIT, **more: str) -> FakeHost:
    base = "/etc/systemd/system/shop.service"
    files = {
        base: unit,
        f"{base}.d/10.conf": DROP_IN,
        "/etc/passwd": "root:x:0:0::/root:/bin/sh\nshop:x:999:999::/srv:/bin/sh\n",
        "/etc/nsswitch.conf": "passwd: files systemd\n",
        "/usr/lib/systemd/libsystemd-shared-252.so": "",
        **more,
    }
    cat = f"# {base}\n{unit}\n# {base}.d/10.conf\n{DROP_IN}"
    return FakeHost(files, {"list-units": "shop.service loaded active running Shop\n", "show": show, "cat": cat})


def only(host: FakeHost) -> Unit:
    (unit,) = ask(host).units
    return unit


def test_a_value_stands_on_the_line_that_decides() -> None:
    unit = only(live())
    assert isinstance(unit.timeout_stop, Known)
    assert (unit.timeout_stop.value, unit.timeout_stop.origin) == (7.0, Origin.EXPLICIT)
    place = unit.timeout_stop.places[0]
    assert (place.path, place.line, place.text) == ("/etc/systemd/system/shop.service.d/10.conf", 2, "TimeoutStopSec=7")


def test_defaults_and_run_time() -> None:
    unit = only(live())
    assert isinstance(unit.restart, Known)
    assert (unit.restart.value, unit.restart.origin, unit.restart.places[0].note) == (
        "no",
        Origin.DEFAULT,
        "default of systemd 252",
    )
    assert isinstance(unit.main_pid, Known)
    assert (unit.main_pid.value, unit.main_pid.places[0].text) == (107, "MainPID=107")
    assert unit.group == Absent(unit.group.places)
    assert isinstance(unit.exec_main_code, Known)
    assert unit.exec_main_code.value == "killed"
    assert isinstance(unit.exec_main_started, Known)
    assert unit.exec_main_started.value == 1795340547.0


def test_words_come_from_the_file_because_systemctl_loses_the_quotes() -> None:
    unit = only(live())
    assert isinstance(unit.exec_start, Known)
    assert unit.exec_start.value[0].argv[2] == "unix:/run/a b.sock"
    assert unit.exec_start.places[0].line == 4


def test_before_daemon_reload_the_manager_is_right() -> None:
    show = SHOW.replace("NeedDaemonReload=no", "NeedDaemonReload=yes").replace(
        "TimeoutStopUSec=7s", "TimeoutStopUSec=20s"
    )
    unit = only(live(show.replace(" app ;", " old ;")))
    assert isinstance(unit.exec_start, Known)
    assert unit.exec_start.value[0].argv[-1] == "old"
    assert unit.exec_start.places[0].command
    assert isinstance(unit.timeout_stop, Known)
    assert unit.timeout_stop.value == 20.0
    assert unit.timeout_stop.places[0].text == "TimeoutStopUSec=20s"


def test_misspelt_setting() -> None:
    unit = only(live())
    (problem,) = unit.problems
    assert isinstance(problem, Known)
    assert "Restart=" in problem.value.message
    assert (problem.value.fatal, problem.places[0].line) == (False, 8)


def test_users() -> None:
    assert isinstance(found := only(live()).user_exists, Known)
    assert found.value
    missing = live(**{"/etc/passwd": "root:x:0:0::/root:/bin/sh\n"})
    assert isinstance(gone := only(missing).user_exists, Known)
    assert not gone.value
    missing.files["/etc/nsswitch.conf"] = "passwd: files ldap\n"
    assert isinstance(elsewhere := only(missing).user_exists, Unknown)
    assert "ldap" in elsewhere.reason


def test_a_service_of_a_package_is_found_by_its_process() -> None:
    """No file of the administrator's and no name says that it is one; the process in its control group does."""
    path = "/usr/lib/systemd/system/portal.service"
    show = SHOW.replace("shop.service", "portal.service").replace("/etc/systemd/system/portal", path[:-8])
    host = FakeHost(
        {path: UNIT}, {"list-units": "portal.service loaded active running Portal\n", "show": "", "cat": ""}
    )
    assert not ask(host).units
    host.outputs["show"] = show
    (unit,) = ask(host, "portal.service").units
    assert unit.name == "portal.service"


def test_the_service_a_gunicorn_was_started_from_is_not_its_unit() -> None:
    cron = "Id=cron.service\nLoadState=loaded\nActiveState=active\nMainPID=9\n"
    cron += "ExecStart={ path=/usr/sbin/cron ; argv[]=/usr/sbin/cron -f ; ignore_errors=no ; }\n\n"
    assert not ask(FakeHost({}, {"list-units": "", "show": cron, "cat": ""}), "cron.service").units


def test_a_manager_that_does_not_answer() -> None:
    host = live()
    host.outputs = {}
    systemd = ask(host)
    assert systemd.available == Unknown("timed out after 5 s", Cause.TIMED_OUT)
    (unit,) = systemd.units
    assert unit.active_state == Unknown("timed out after 5 s", Cause.TIMED_OUT)
    assert isinstance(unit.timeout_stop, Known)
    assert unit.timeout_stop.value == 7.0


def test_not_booted_with_systemd() -> None:
    host = live()
    host.booted = False
    assert isinstance(ask(host).available, Absent)


def repository() -> FakeHost:
    host = FakeHost(
        {
            "/a/shop.service": UNIT + "[Service]\nTimeoutStartSec=infinity\n",
            "/b/shop.service": UNIT.replace("shop/venv", "other/venv"),
            "/b/shop.service.d/x.conf": DROP_IN,
            "/b/shop.socket": "[Socket]\nListenStream=/var/run/shop.sock\nListenStream=8000\n",
            "/b/web@.service": "[Service]\nExecStart=/x/gunicorn %i\nEnvironmentFile=-/etc/%p.env\n",
            "/b/cron.service": "[Service]\nExecStart=/bin/true\n",
        }
    )
    names = {".service": DocumentKind.UNIT, ".socket": DocumentKind.SOCKET, ".conf": DocumentKind.DROPIN}
    host.kinds = {path: names["." + path.rpartition(".")[2]] for path in host.files}
    return host


def test_repository() -> None:
    systemd = ask(repository())
    assert isinstance(systemd.available, Unknown)
    first, second, template = systemd.units
    assert isinstance(first.fragment, Known)
    assert first.fragment.value == "/a/shop.service"
    assert isinstance(first.timeout_stop, Known)
    assert isinstance(second.timeout_stop, Known)
    assert (first.timeout_stop.value, second.timeout_stop.value) == (20.0, 7.0)
    assert isinstance(first.timeout_start, Known)
    assert first.timeout_start.value == inf
    assert isinstance(first.active_state, Unknown)
    assert isinstance(first.user_exists, Unknown)
    assert template.template
    assert isinstance(template.environment_files, Known)
    assert [(ref.path, ref.optional) for ref in template.environment_files.value] == [("/etc/web.env", True)]
    assert isinstance(template.exec_start, Known)
    assert [command.argv for command in template.exec_start.value] == [("/x/gunicorn", "‹%i›")]


def test_socket_of_a_repository() -> None:
    socket = ask(repository()).units[1].triggered_by[0]
    assert isinstance(socket.listen, Known)
    assert socket.listen.value == (
        Address(AddressKind.UNIX, path="/run/shop.sock"),
        Address(AddressKind.TCP, host="::", port=8000),
    )
    assert socket.listen.places[0].line == 2


@pytest.mark.parametrize(
    ("lines", "kind", "preflight"),
    [
        ([], "none", False),
        (["/bin/kill -HUP $MAINPID"], "hup", False),
        (["/bin/kill -s HUP $MAINPID"], "hup", False),
        (["kill -1 ${MAINPID}"], "hup", False),
        (["/bin/kill -SIGHUP $MAINPID"], "hup", False),
        (["/bin/kill --signal=HUP $MAINPID"], "hup", False),
        (["/bin/sh -c 'kill -s HUP $MAINPID'"], "hup", False),
        (["/usr/bin/systemctl kill -s HUP --kill-whom=main shop"], "hup", False),
        (["/usr/bin/systemctl kill -s HUP shop"], "wrong-process", False),
        (["/usr/bin/pkill -HUP gunicorn"], "wrong-process", False),
        (["/bin/kill $MAINPID"], "quit", False),
        (["/bin/kill -QUIT $MAINPID"], "quit", False),
        (["/bin/kill -9 $MAINPID"], "kill", False),
        (["/bin/kill -USR2 $MAINPID"], "second-master", False),
        (["/bin/kill -USR2 $MAINPID", "/bin/sleep 5"], "second-master", False),
        (["/bin/kill -USR2 $MAINPID", "/bin/sleep 5", "/bin/kill -TERM $MAINPID"], "custom", False),
        (["/bin/kill -USR2 $MAINPID", "/srv/shop/bin/finish-upgrade"], "custom", False),
        (["/bin/kill -USR1 $MAINPID"], "no-effect", False),
        (["/bin/kill -USR1 $MAINPID", "/bin/kill -HUP $MAINPID"], "hup", False),
        (["/bin/kill -TTIN $MAINPID"], "custom", False),
        (["/bin/touch /srv/shop/current/wsgi.py"], "no-effect", False),
        (["/bin/true"], "no-effect", False),
        (["/bin/true", "/srv/shop/bin/reload"], "custom", False),
        (["/bin/sh -c 'echo reloading; touch /srv/shop/current/wsgi.py'"], "no-effect", False),
        (["/usr/bin/pkill -HUP -f gunicorn"], "wrong-process", False),
        (["/usr/bin/pkill -HUP -o -f gunicorn"], "custom", False),
        (["/usr/bin/pkill -HUP -of gunicorn"], "custom", False),
        (["/usr/bin/pkill -HUP -P 1 gunicorn"], "custom", False),
        (["/usr/bin/pkill --signal HUP --pidfile /run/shop.pid"], "custom", False),
        (["/usr/bin/pkill -HUP -f 'gunicorn: master'"], "custom", False),
        (["/usr/bin/pkill -USR1 gunicorn"], "no-effect", False),
        (["/bin/sh -c 'kill -HUP $(pgrep -f gunicorn)'"], "wrong-process", False),
        (["/bin/sh -c 'kill -HUP `/usr/bin/pgrep gunicorn`'"], "wrong-process", False),
        (["/bin/sh -c 'kill -HUP $(pgrep -o gunicorn)'"], "custom", False),
        (["/bin/sh -c 'kill -HUP $(pgrep gunicorn | head -1)'"], "custom", False),
        ([r"/bin/kill -HUP \$MAINPID"], "fails", False),
        (["/bin/kill -HUP $$MAINPID"], "fails", False),
        (["/bin/kill -HUP $(cat /run/x.pid)"], "fails", False),
        (["-/bin/kill -HUP `cat /run/x.pid`"], "fails", False),
        (["/bin/sh -c 'kill -HUP $(cat /run/x.pid)'"], "custom", False),
        (["/usr/bin/systemctl restart shop"], "restart", False),
        (["/srv/venv/bin/gunicornc reload"], "graceful", False),
        (["/srv/venv/bin/gunicorn --check-config app", "/bin/kill -HUP $MAINPID"], "hup", True),
        (["-/srv/venv/bin/gunicorn --check-config app", "/bin/kill -HUP $MAINPID"], "hup", False),
        (["/bin/true", "/bin/kill -HUP $MAINPID"], "hup", False),
        (["/bin/sh -c 'gunicorn --check-config app && kill -HUP $MAINPID'"], "hup", True),
        (["/bin/sh -c 'gunicorn --check-config app; kill -HUP $MAINPID'"], "hup", False),
    ],
)
def test_reload(lines: list[str], kind: str, preflight: bool) -> None:
    commands = tuple(ExecCommand(one.argv, one.prefixes) for line in lines for one in split_exec(line))
    assert classify(commands) == (kind, preflight)


def test_notify_reload_sends_hup_itself() -> None:
    assert classify((), "notify-reload") == ("hup", False)


def test_show_with_a_script_of_several_lines() -> None:
    script = "ExecStart={ path=/bin/sh ; argv[]=/bin/sh -c a\n\nb=c ; ignore_errors=no ; pid=0 }"
    text = f"{script}\nId=x.service\n\nId=y.service\n"
    first, second = parse_show(text)
    assert first["Id"] == ("x.service",)
    assert first["ExecStart"][0].count("\n") == 2
    assert second == {"Id": ("y.service",)}


def test_time_stamps() -> None:
    assert timestamp("Thu 1970-01-01 00:01:00 UTC") == 60.0
    assert timestamp("Thu 1970-01-01 00:01:00.25 UTC") == 60.25
    assert timestamp("Thu 1970-01-01 00:01:00 CET") is None


def test_cat_is_not_misled_by_a_comment() -> None:
    text = "# /etc/a.service\n# /etc/b.conf\n[Service]\n\n# /etc/other\n\n# /etc/b.conf\n[Unit]\n"
    files = split_cat(text, ["/etc/a.service", "/etc/b.conf"])
    assert files == {"/etc/a.service": "# /etc/b.conf\n[Service]\n\n# /etc/other\n", "/etc/b.conf": "[Unit]\n"}


def test_a_second_command() -> None:
    command = "ExecStart=/srv/shop/venv/bin/gunicorn"

    def second(drop_in: str) -> Any:
        host = FakeHost(
            {"/b/shop.service": f"[Service]\n{command} app\n", "/b/shop.service.d/x.conf": f"[Service]\n{drop_in}"}
        )
        host.kinds = {"/b/shop.service": DocumentKind.UNIT, "/b/shop.service.d/x.conf": DocumentKind.DROPIN}
        (unit,) = ask(host).units
        return unit.second_command

    added = second(f"{command} -w 5 app\n")
    assert (added.places[0].path, added.places[0].line) == ("/b/shop.service.d/x.conf", 2)
    assert isinstance(second(f"ExecStart=\n{command} -w 5 app\n"), Absent)
    assert isinstance(second("Type=oneshot\nExecStart=/bin/true\n"), Absent)


def test_a_unit_of_a_package_that_is_masked_is_still_known() -> None:
    from servers.nginx_machine import MemoryHost

    from doctor.sources.systemd.interest import candidates

    unit = "[Service]\nExecStart=/srv/shop/venv/bin/gunicorn wsgi:app\n"
    host = MemoryHost(
        {"/usr/lib/systemd/system/shop.service": unit, "/usr/lib/systemd/system/cups.service": "[Unit]\n"}
    )
    assert candidates(host, "") == ()
    for name in ("shop", "cups", "gone"):
        host.link(f"/etc/systemd/system/{name}.service", "/dev/null")
    assert candidates(host, "") == ("shop.service",)
