from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from servers.gunicorn_machine import CLEAN, scripts

from doctor.cause import Cause
from doctor.facts.value import Absent, Fact, Known, Origin, Place, Unknown
from doctor.hosts.base import Machine, Unseen
from doctor.hosts.live import LiveHost
from doctor.servers.gunicorn.expression import AtLeast, Scope, Unresolved, evaluate
from doctor.servers.gunicorn.layers import CommandLine
from doctor.servers.gunicorn.model import Settings, Shadowed
from doctor.servers.gunicorn.settings import compute
from doctor.sources.variables import Gap, Variable, Variables


class Repository(LiveHost):
    """Files without a machine."""

    def machine(self) -> Machine | Unseen:
        return Unseen("a repository is no machine", Cause.OUTSIDE)


def settings(
    folder: Path, words: str = "wsgi:app", *, version: str = "27.0.1", host: LiveHost | None = None, **variables: Any
) -> Settings:
    given = {n: Variable(n, v, Place(note=f"{n} for the test")) for n, v in variables.items()}
    return compute(
        host or LiveHost(),
        CommandLine(tuple(words.split()), lambda word: Place(note="command line", text=word)),
        Variables(given),
        Known(str(folder)),
        Known(version),
    )


def value(fact: Fact[Any]) -> Any:
    assert isinstance(fact, Known), fact
    return fact.value


def test_the_order_of_sources(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("workers = 4\n")
    assert value(settings(tmp_path).workers) == 4
    assert value(settings(tmp_path, WEB_CONCURRENCY="2").workers) == 4
    assert value(settings(tmp_path, GUNICORN_CMD_ARGS="--workers=6").workers) == 6
    assert value(settings(tmp_path, "-w 7 wsgi:app", GUNICORN_CMD_ARGS="--workers=6").workers) == 7
    assert value(settings(tmp_path / "elsewhere", WEB_CONCURRENCY="2").workers) == 2


def test_every_value_says_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("# shop\n\ntimeout = 60\n")
    found = settings(tmp_path, "-w 3 wsgi:app", GUNICORN_CMD_ARGS="--backlog 64", PORT="9000")
    assert isinstance(found.timeout, Known)
    assert found.timeout.places == (Place(path=str(tmp_path / "gunicorn.conf.py"), line=3, text="timeout = 60"),)
    assert isinstance(found.workers, Known)
    assert found.workers.places[0].text == "-w 3"
    assert isinstance(found.backlog, Known)
    assert found.backlog.places[0].text == "GUNICORN_CMD_ARGS=--backlog 64"
    assert isinstance(found.keepalive, Known)
    assert (found.keepalive.value, found.keepalive.origin) == (2, Origin.DEFAULT)
    assert found.keepalive.places == (Place(note="default of gunicorn 27.0.1"),)
    assert isinstance(found.bind, Known)
    assert [str(address) for address in found.bind.value] == ["0.0.0.0:9000"]
    assert found.bind.origin is Origin.INHERITED


def test_defaults_by_version(tmp_path: Path) -> None:
    assert value(settings(tmp_path, version="20.1.0").forwarded_allow_ips) == "127.0.0.1"
    assert value(settings(tmp_path, version="23.0.0").forwarded_allow_ips) == "127.0.0.1,::1"
    assert [str(a) for a in value(settings(tmp_path).bind)] == ["127.0.0.1:8000"]


def test_sync_with_threads_is_gthread(tmp_path: Path) -> None:
    assert value(settings(tmp_path).worker_class) == "sync"
    assert value(settings(tmp_path, "--threads 4 wsgi:app").worker_class) == "gthread"
    assert value(settings(tmp_path, "-k gevent --threads 4 wsgi:app").worker_class) == "gevent"


def test_a_configuration_is_evaluated_as_far_as_it_is_safe(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(
        "import multiprocessing, os\n"
        "host = '127.0.0.1'\n"
        'bind = f\'{host}:{os.environ.get("PORT", "5000")}\'\n'
        "workers = multiprocessing.cpu_count() * 2 + 1\n"
        "timeout = int(os.getenv('TIMEOUT', '45'))\n"
        "chdir = os.path.dirname(os.path.abspath(__file__))\n"
        "graceful_timeout = secret_sauce()\n"
        "threads = int(os.environ['THREADS'])\n"
        "if os.path.exists('/tmp'):\n"
        "    backlog = 64\n"
    )
    found = settings(tmp_path)
    assert [str(address) for address in value(found.bind)] == ["127.0.0.1:5000"]
    assert value(found.workers) == (os.cpu_count() or 1) * 2 + 1
    assert value(found.timeout) == 45
    assert value(found.chdir) == str(tmp_path)
    for fact, reason in (
        (found.graceful_timeout, "graceful_timeout = secret_sauce() depends on secret_sauce()"),
        (found.threads, "the environment variable THREADS, which is not set"),
        (found.backlog, "backlog = 64 depends on a condition"),
    ):
        assert isinstance(fact, Unknown)
        assert reason in fact.reason
    assert isinstance(found.worker_class, Unknown)
    assert value(settings(tmp_path, TIMEOUT="7").timeout) == 7
    hidden = settings(tmp_path, TIMEOUT="<hidden:0123456789ab>").timeout
    assert isinstance(hidden, Unknown)


def test_a_repository_keeps_a_lower_bound(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("from os import cpu_count\nworkers = cpu_count() * 2 + 1\n")
    found = settings(tmp_path, host=Repository())
    assert isinstance(found.workers, Unknown)
    assert value(found.workers_at_least) == 3
    assert value(settings(tmp_path, "-w 1 wsgi:app", host=Repository()).workers_at_least) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cpu_count() * 2 + 1", AtLeast(3)),
        ("(2 * multiprocessing.cpu_count()) + 1", AtLeast(3)),
        ("min(cpu_count() * 2 + 1, 4)", AtLeast(3)),
        ("max(2, os.cpu_count() // 2)", AtLeast(2)),
        ("int(os.environ.get('WORKERS', 3))", 3),
        ("os.environ.get('WORKERS') or 5", 5),
        ("'%s:%s' % ('0.0.0.0', 80)", "0.0.0.0:80"),
        ("'%s:x' % 'unix'", "unix:x"),
        ("os.path.join('/run', 'shop', 'x.sock')", "/run/shop/x.sock"),
        ("4 if DEBUG else 2", 4),
        ("'true' == 'true'", True),
        ("open('/etc/shadow').read()", Unresolved),
        ("__import__('os').system('true')", Unresolved),
        ("(lambda: 1)()", Unresolved),
        ("[x for x in (1, 2)]", Unresolved),
        ("'x' * 10 ** 9", Unresolved),
        ("9 ** 9 ** 9", Unresolved),
        ("1 / 0", Unresolved),
        ("-cpu_count()", Unresolved),
        ("-" * 600 + "1", Unresolved),
        ("1 +", Unresolved),
    ],
)
def test_expressions(text: str, expected: Any) -> None:
    scope = Scope({"DEBUG": True}, Variables({}).get, None, "/srv/shop/gunicorn.conf.py")
    if expected is Unresolved:
        with pytest.raises(Unresolved):
            evaluate(text, scope)
    else:
        assert evaluate(text, scope) == expected


def test_names_from_elsewhere_make_the_rest_unknown(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("workers = 2\nfrom base import *\ntimeout = 9\n")
    found = settings(tmp_path)
    assert isinstance(found.workers, Unknown)
    assert value(found.timeout) == 9
    assert isinstance(found.threads, Unknown)
    assert value(settings(tmp_path, "--threads 2 wsgi:app").threads) == 2


def test_where_the_configuration_is_found(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "web.py").write_text("workers = 5\n")
    (tmp_path / "gunicorn.conf.py").write_text("workers = 2\n")
    for words in (
        "-c conf/web.py",
        f"--config=file:{tmp_path}/conf/web.py",
        "-c python:conf.web",
        "--chdir /x -c conf/web.py",
    ):
        found = settings(tmp_path, f"{words} wsgi:app")
        assert value(found.workers) == 5
        assert value(found.config_file) == str(tmp_path / "conf" / "web.py")
        assert value(found.config_is_module) is ("python:" in words)
    assert value(settings(tmp_path, GUNICORN_CMD_ARGS="-c conf/web.py").workers) == 5
    # --chdir comes after the search for gunicorn.conf.py.
    assert value(settings(tmp_path, "--chdir conf wsgi:app").workers) == 2
    assert isinstance(settings(tmp_path / "conf").config_file, Absent)


def test_a_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("workers = (\n")
    found = settings(tmp_path)
    assert "gunicorn.conf.py line" in value(found.config_error)
    assert isinstance(found.timeout, Unknown)
    gone = settings(tmp_path, "-c /nowhere/x.py wsgi:app")
    assert value(gone.config_error) == "/nowhere/x.py does not exist"
    assert isinstance(settings(tmp_path / "none").config_error, Absent)


def test_an_environment_that_cannot_be_seen_is_not_an_empty_one(tmp_path: Path) -> None:
    why = Unknown("permission denied reading /proc/122/environ (run with sudo)", Cause.NEEDS_ROOT)
    denied = Variables({}, (Gap(why),))
    line = CommandLine(("-w", "3", "wsgi:app"), lambda word: Place(text=word))
    found = compute(LiveHost(), line, denied, Known(str(tmp_path)), Known("27.0.1"))
    assert value(found.workers) == 3
    assert isinstance(found.timeout, Unknown)
    assert "run with sudo" in found.timeout.reason
    assert found.timeout.cause is Cause.NEEDS_ROOT


def test_an_unknown_command_line(tmp_path: Path) -> None:
    found = compute(
        LiveHost(), Unknown("setproctitle", Cause.UNREADABLE), Variables({}), Known(str(tmp_path)), Known("27.0.1")
    )
    assert isinstance(found.workers, Unknown)
    assert isinstance(found.wsgi_app, Unknown)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("-w many wsgi:app", "Gunicorn refuses 'many' for workers"),
        ("-w -1 wsgi:app", "Gunicorn refuses '-1' for workers"),
        ("-w 2", "no application module specified"),
        ("wsgi:app -w 2 && echo", "unrecognized arguments: && echo"),
    ],
)
def test_what_gunicorn_does_not_start_with(tmp_path: Path, words: str, reason: str) -> None:
    assert value(settings(tmp_path, words).argument_error) == reason


@pytest.mark.parametrize(
    "written", ["workers = 0x" + "f" * 50_000, 'workers = "0x' + "f" * 50_000 + '"', "workers = 1 << 90"]
)
def test_a_number_that_nothing_can_print_is_not_known(tmp_path: Path, written: str) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(f"{written}\ntimeout = 7\n")
    found = settings(tmp_path, "wsgi:app")
    assert isinstance(found.workers, Unknown)
    assert isinstance(found.argument_error, Absent)
    assert value(found.timeout) == 7
    assert isinstance(settings(tmp_path, f"-w 0x{'f' * 50_000} wsgi:app").workers, Unknown)


@pytest.mark.parametrize("name", ["WEB_CONCURRENCY", "PORT", "GUNICORN_CMD_ARGS"])
def test_no_reason_holds_the_value_of_a_variable(tmp_path: Path, name: str) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("import os\nthreads = os.environ.get('WEB_CONCURRENCY', 1)\n")
    place = Place(path="/etc/shop.env", line=3, text=f"{name}=…")
    line = CommandLine(("wsgi:app",), lambda word: Place(text=word))
    variables = Variables({name: Variable(name, "4 # two per core, and canary", place)})
    found = compute(LiveHost(), line, variables, Known(str(tmp_path)), Known("27.0.1"))
    told = [
        fact.reason
        for fact in (getattr(found, name) for name in found.__dataclass_fields__)
        if isinstance(fact, Unknown)
    ] + [str(found.argument_error)]
    assert told
    assert not [reason for reason in told if "canary" in reason]
    assert isinstance(found.threads, Unknown) == (name == "WEB_CONCURRENCY")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("--bind=127.0.0.1:9000", "--bind=127.0.0.1:9000"), ("--workers 4", "--workers 4"), ("--workers canary", "…"),
        ("--threads '4 canary'", "…"), ("--workers 4 canary", "--workers 4"), ("--workers 4 --canary", "--workers 4"),
    ],
)  # fmt: skip
def test_an_option_of_a_variable_is_shown_as_far_as_it_is_understood(tmp_path: Path, given: str, shown: str) -> None:
    line = CommandLine(("wsgi:app",), lambda word: Place(text=word))
    variables = Variables({"GUNICORN_CMD_ARGS": Variable("GUNICORN_CMD_ARGS", given, Place())})
    found = compute(LiveHost(), line, variables, Known(str(tmp_path)), Known("27.0.1"))
    assert "canary" not in repr(found)
    assert f"GUNICORN_CMD_ARGS={shown}" in repr(found)


def test_settings_of_the_file_that_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(
        "workers = 4\nworker = 8\nkeep_alive = 5\ntime_out = 9\nhost = 'x'\nbind = host\n"
    )
    found = settings(tmp_path, "-w 2 wsgi:app")
    assert value(found.shadowed) == (Shadowed("workers", "4", "2"),)
    assert value(found.misnamed) == ("worker", "keep_alive", "time_out")
    assert isinstance(settings(tmp_path / "none").shadowed, Absent)
    assert isinstance(settings(tmp_path / "none").misnamed, Absent)


def test_paths_are_taken_from_the_directory_it_runs_in(tmp_path: Path) -> None:
    found = settings(tmp_path, "--chdir app -b unix:x.sock -p run/x.pid wsgi:app")
    assert value(found.chdir) == str(tmp_path / "app")
    assert [str(a) for a in value(found.bind)] == [f"unix:{tmp_path}/app/x.sock"]
    assert value(found.pidfile) == str(tmp_path / "app/run/x.pid")


def test_only_names_of_raw_env(tmp_path: Path) -> None:
    assert value(settings(tmp_path, "-e A=1 --env B=2 wsgi:app").raw_env) == ("A", "B")


CONFIGS = {
    "none": "",
    "plain": "workers = 4\nbind = ['127.0.0.1:9001', 'unix:app.sock']\ntimeout = 61\nthreads = 2\n"
    "preload_app = True\numask = 7\n",
    "dynamic": "import multiprocessing as mp, os\nworkers = mp.cpu_count() * 2 + 1\n"
    "bind = '0.0.0.0:' + os.getenv('PORT', '1')\n"
    "graceful_timeout = max(5, 3)\nwsgi_app = 'wsgi:app'\nmax_requests = 100\nmax_requests_jitter = 10\n",
}
LINES = [
    "wsgi:app",
    "-w3 -t 5 --threads=2 wsgi:app",
    "--bind unix:/run/x.sock -b :8001 --worker-class gthread wsgi:app",
    "--chdir sub --reload --max-requests=9 -m 0007 wsgi:app",
    "-k sync --backl 10 --keep-alive 7 -p x.pid --access-logfile - wsgi:app",
]
ENVIRONMENTS: list[dict[str, str]] = [
    {},
    {"GUNICORN_CMD_ARGS": "--workers=6 --bind '127.0.0.1:7000' --graceful-timeout 11"},
    {"PORT": "5005", "WEB_CONCURRENCY": "2", "FORWARDED_ALLOW_IPS": "10.0.0.1"},
]
PRINTED = {
    "workers": "workers", "threads": "threads", "timeout": "timeout", "graceful_timeout": "graceful_timeout",
    "keepalive": "keepalive", "backlog": "backlog", "preload": "preload_app", "reload": "reload", "daemon": "daemon",
    "umask": "umask", "max_requests": "max_requests", "max_requests_jitter": "max_requests_jitter",
}  # fmt: skip


@pytest.mark.parametrize("script", scripts() or [""])
@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("words", LINES)
@pytest.mark.parametrize("variables", ENVIRONMENTS, ids=["empty", "arguments", "defaults"])
def test_as_gunicorn_prints_its_own(
    tmp_path: Path, script: str, config: str, words: str, variables: dict[str, Any]
) -> None:
    if not script:
        pytest.skip("no gunicorn is installed (name one in FLASKDOCTOR_TEST_GUNICORN)")
    (tmp_path / "sub").mkdir()
    for folder in (tmp_path, tmp_path / "sub"):
        (folder / "wsgi.py").write_text("app = lambda environ, start: []\n")
    if CONFIGS[config]:
        (tmp_path / "gunicorn.conf.py").write_text(CONFIGS[config])
    printed = subprocess.run(
        [script, "--print-config", *words.split()],
        cwd=tmp_path,
        env={**CLEAN, **variables},
        capture_output=True,
        text=True,
    )
    assert printed.returncode == 0, printed.stderr
    told = dict(line.split(" = ", 1) for line in printed.stdout.splitlines() if " = " in line)
    told = {name.strip(): text for name, text in told.items()}
    shown = subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout
    found = settings(tmp_path, words, version=shown.split("version ")[1].strip(" )\n"), **variables)
    for name, printed_name in PRINTED.items():
        assert str(value(getattr(found, name))) == told[printed_name], name
    binds = told["bind"].strip("[]").replace("'", "").split(", ")
    assert len(value(found.bind)) == len(binds)
    for address, text in zip(value(found.bind), binds, strict=True):
        shown_address = str(address).removeprefix("0.0.0.0") if text.startswith(":") else str(address)
        assert shown_address == text or shown_address.endswith("/" + text.removeprefix("unix:"))
    if isinstance(found.chdir, Known):
        assert found.chdir.value == told["chdir"]
    allowed = told["forwarded_allow_ips"].strip("[]").replace("'", "").replace(" ", "")
    assert value(found.forwarded_allow_ips) == allowed


@pytest.mark.parametrize(
    ("words", "config", "relative"),
    [
        ("--chdir . wsgi:app", "", True),
        ("--chdir=/srv/shop wsgi:app", "chdir = '.'", False),
        ("wsgi:app", "chdir = '/srv/shop'", False),
        ("wsgi:app", "chdir = 'shop'", True),
        ("wsgi:app", "import os\nchdir = os.path.dirname(__file__)", True),
    ],
)
def test_a_directory_that_each_reload_looks_for_anew(tmp_path: Path, words: str, config: str, relative: bool) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(f"{config}\n")
    assert value(settings(tmp_path, words).chdir_relative) is relative
