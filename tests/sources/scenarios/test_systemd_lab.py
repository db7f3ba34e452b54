"""On a real machine: what the files alone say is what the manager says, for every setting and many odd units."""

from __future__ import annotations

import json

import pytest
from lab.machine import LAB, Machine

UNITS = {
    "plain.service": "[Service]\nExecStart=/usr/bin/sleep 900 gunicorn\n",
    "full-of.service": r"""# a comment
[Unit]
Description=Shop "app" 100%% \
  # inner comment
  of %p
After=network.target
StartLimitIntervalSec=1min 30s
StartLimitBurst=3
[Service]
Type=exec
User=www-data
Group=www-data
WorkingDirectory=/srv
Environment=A=1 "B=two words" 'C=x\ty' D=50%%
Environment=E="in quote" LANG=C.UTF-8
EnvironmentFile=/etc/shop/env
EnvironmentFile=-/etc/shop/missing.env
PassEnvironment=LANG FOO
ExecStartPre=-/bin/true
ExecStartPre=/bin/sh -c 'echo "hi there" ; exit 0'
ExecStart=/bin/sh -c 'exec sleep 900' gunicorn \
   --bind "unix:/run/%p/%n.sock" $$X '\x41'
ExecReload=/bin/true --check-config
ExecReload=/bin/kill -s HUP $MAINPID
ExecStop=/bin/kill -TERM ${MAINPID}
KillMode=mixed
KillSignal=QUIT
Restart=on-failure
RestartSec=1s 500ms
TimeoutStopSec=5min
TimeoutStartSec=infinity
RuntimeDirectory=shop shop/sub
RuntimeDirectoryMode=0750
RuntimeDirectoryPreserve=restart
PrivateTmp=on
ProtectHome=read-only
ProtectSystem=full
ReadWritePaths=/var/log -/srv/nope
UMask=0007
OOMPolicy=continue
WatchdogSec=30
SendSIGKILL=no
PIDFile=shop.pid
[Install]
WantedBy=multi-user.target
""",
    "full-of.service.d/10-a.conf": "[Service]\nTimeoutStopSec=7\nEnvironment=G=dropin\nRestart=\n",
    "full-of.service.d/20-b.conf": "[Service]\nEnvironment=\nEnvironment=H=reset\nUser=\nPrivateTmp=maybe\n",
    "full-.service.d/15-prefix.conf": "[Service]\nRestartSec=9\nUMask=0077\n",
    "service.d/05-all.conf": "[Service]\nOOMPolicy=kill\nUMask=0027\n",
    "dynamic.service": "[Service]\nDynamicUser=yes\nExecStart=/usr/bin/sleep 900 gunicorn\n",
    "zero.service": "[Service]\nTimeoutSec=3\nTimeoutStopSec=0\nWatchdogSec=0\n"
    "StartLimitInterval=33\nStartLimitBurst=7\nExecStart=/usr/bin/sleep 900 gunicorn\n",
    "home.service": "[Service]\nUser=www-data\nWorkingDirectory=~\nExecStart=/usr/bin/sleep 900 gunicorn\n",
    "optional.service": "[Service]\nWorkingDirectory=-/nowhere\nExecStart=-+/usr/bin/sleep 900 gunicorn\n",
    "bus.service": "[Service]\nBusName=org.example.x\nExecStart=:/usr/bin/sleep 900 gunicorn ${A}\n",
    "once.service": "[Service]\nType=oneshot\nExecStart=@/usr/bin/sleep gunicorn 9 ; /bin/true \\; x\n"
    "ExecStart=/bin/sh a \"\" b\n",
    "worker@.service": "[Service]\nUser=%i\n"
    "ExecStart=/usr/bin/sleep 900 gunicorn %i %I %j %p %P %n %N %f %t %S %u %h %H\n",
    "worker@a.service.d/1.conf": "[Service]\nTimeoutStopSec=2h 3m\n",
    "worker@.service.d/2.conf": "[Service]\nRestart=always\n",
    "commented.service": "[Service]\nRestart=always # or not\nTimeoutStopSec=5 # s\nUser=www-data # u\n"
    "WorkingDirectory=/srv # d\n"
    "Environment=OK=1 # no\nRuntimeDirectory=/abs ok\nExecStart=/usr/bin/sleep 900 gunicorn\n",
    "doorman.service": "[Service]\nType=notify\nExecStart=/usr/bin/sleep 900 gunicorn\n",
    "doorman.socket": "[Socket]\nListenStream=/var/run/door.sock\nListenStream=8000\nListenStream=127.0.0.1:8001\n"
    "ListenStream=[::1]:8002\nListenStream=@abs\nSocketUser=www-data\nSocketMode=0660\n",
}  # fmt: skip

SETTINGS = (
    "type", "notify_access", "restart", "restart_delay", "start_limit_interval", "start_limit_burst",
    "timeout_start", "timeout_stop", "kill_mode", "kill_signal", "send_sigkill", "watchdog", "oom_policy", "user",
    "group", "dynamic_user", "user_exists", "group_exists", "umask", "working_directory",
    "working_directory_optional", "root_directory", "environment_files", "exec_start", "exec_reload",
    "exec_start_pre", "exec_stop", "pid_file", "runtime_directories", "runtime_directory_mode",
    "runtime_directory_preserve", "private_tmp", "protect_home", "protect_system", "read_write_paths",
    "reload_kind", "reload_preflight", "pass_environment", "can_reload", "fragment", "drop_ins",
)  # fmt: skip

SCRIPT = """
import json, sys
from doctor.cause import Cause, Doubt
from doctor.sources.systemd import collect
from doctor.sources.systemd.files import collect_disk
from doctor.facts.value import Absent
from doctor.hosts.live import LiveHost

names, settings = json.loads(sys.argv[1])
host = LiveHost()

def flat(fact):
    value = getattr(fact, "value", type(fact).__name__)
    return str(sorted(map(str, value)) if isinstance(value, tuple) and value and value[0].__class__ is str else value)

def table(units):
    found = {unit.name: {name: flat(getattr(unit, name)) for name in settings} for unit in units if unit.name in names}
    for unit in units:
        if unit.name in names:
            found[unit.name]["names"] = flat(tuple(variable.name for variable in unit.environment.value))
            sockets = [(s.name, s.listen.value, s.mode.value, flat(s.user)) for s in unit.triggered_by]
            found[unit.name]["sockets"] = str(sockets)
            found[unit.name]["fatal"] = [p.value.message for p in unit.problems if p.value.fatal]
    return found

live = collect(host, frozenset(names))
disk = collect_disk(host, frozenset(names), Absent(), Doubt("not asked", Cause.NOT_ASKED))
print(json.dumps([table(live.units), table(disk.units), {u.name: u.load_state.value for u in live.units}]))
"""

REFUSED = {
    "User=a:b": True,
    "RootDirectory=relative": True,
    "WorkingDirectory=relative": True,
    "WorkingDirectory=-relative": False,
    'ExecReload=kill "x': True,
    "ExecReload=bin/kill x": True,
    "ExecReload=-bin/kill x": False,
    "Restart=allways": False,
    "User=a b": False,
    "Type=oneshot\nRestart=always": True,
    "ExecStart=/bin/true": True,
    "Type=notify-reload": False,
    "EnvironmentFile=relative": False,
    "PrivateTmp=maybe": False,
    "UMask=0999": False,
    "[User]\nName=x": False,
    "no assignment": False,
    "[broken": True,
}
"""Lines added to a good unit, and whether systemd then refuses the whole unit."""

pytestmark = pytest.mark.usefixtures("lab")


def _ask(
    machine: Machine, names: list[str]
) -> tuple[dict[str, dict[str, object]], dict[str, dict[str, object]], dict[str, str]]:
    python = f"{LAB}/doctor/bin/python"
    done = machine.run(("env", f"PYTHONPATH={LAB}/tree", python, "-c", SCRIPT, json.dumps([names, SETTINGS])))
    live, disk, states = json.loads(done.stdout)
    return live, disk, states


def test_files_and_manager_agree() -> None:
    with Machine() as machine:
        for path, text in UNITS.items():
            machine.write(f"/etc/systemd/system/{path}", text)
        machine.sh("systemctl daemon-reload; systemctl start doorman.socket")
        names = [name for name in UNITS if name.endswith(".service") and "@" not in name]
        names += ["worker@a.service", "worker@b-c.service"]
        live, disk, states = _ask(machine, names)
    assert sorted(live) == sorted(names)
    assert set(states.values()) == {"loaded"}
    for name in names:
        assert disk[name] == live[name], name


def test_refused_lines_are_the_ones_systemd_refuses() -> None:
    with Machine() as machine:
        for number, line in enumerate(REFUSED):
            text = f"[Service]\nExecStart=/usr/bin/sleep 900 gunicorn\n{line}\n"
            machine.write(f"/etc/systemd/system/line{number}.service", text)
        machine.sh("systemctl daemon-reload")
        names = [f"line{number}.service" for number in range(len(REFUSED))]
        live, _, states = _ask(machine, names)
    for name, (line, refused) in zip(names, REFUSED.items(), strict=True):
        assert (states[name] != "loaded") == refused, line
        assert bool(live[name]["fatal"]) == refused, line
