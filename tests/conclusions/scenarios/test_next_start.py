"""What the next start of a unit will meet (socket directory, port, the way of nginx), and how to test it before."""

from __future__ import annotations

import os
import shutil
import socket as sockets
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from factories import make

from doctor.cause import Cause
from doctor.conclusions.service import runtimedir
from doctor.facts.address import parse_bind
from doctor.facts.value import Absent, Fact, Known, Unknown
from doctor.hosts.base import TargetKind
from doctor.hosts.live import LiveHost
from doctor.servers.gunicorn.address_in_use import with_holders
from doctor.servers.gunicorn.model import Gunicorn, Settings
from doctor.servers.gunicorn.plan import plan
from doctor.servers.gunicorn.preflight import with_preflight
from doctor.servers.gunicorn.rundir import with_run_directory
from doctor.sources.process import Process
from doctor.sources.sockets.kernel import table
from doctor.sources.systemd import ExecCommand, SocketUnit, Unit

GUNICORN = "/srv/shop/venv/bin/gunicorn"
UID: Fact[int] = Known(33)
GIDS: Fact[frozenset[int]] = Known(frozenset({33}))


class Repository(LiveHost):
    kind = TargetKind.TREE


@pytest.fixture
def folder() -> Iterator[Path]:
    """Belongs to root, and anybody may enter it."""
    if os.geteuid() != 0:
        pytest.skip("needs a directory of root's")
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def gunicorn(bind: str, **facts: Any) -> Gunicorn:
    settings = make(Settings, bind=Known((parse_bind(bind),)))
    return make(
        Gunicorn, name="shop.service", **{"settings": settings, "listens": Absent(), "master": Absent(), **facts}
    )


def unit(**facts: Any) -> Unit:
    given: dict[str, Any] = {
        "user": Known("www-data"),
        "group": Absent(),
        "dynamic_user": Known(False),
        "runtime_directories": Known(()),
        "exec_start_pre": Absent(),
        "triggered_by": (),
    }
    return make(Unit, name="shop.service", **{**given, **facts})


def socket_dir_not_writable(path: Path | str, of: Unit, host: LiveHost | None = None) -> Any:
    fact = with_run_directory(host or LiveHost(), gunicorn(f"unix:{path}"), of).socket_dir_not_writable
    return fact.value if isinstance(fact, Known) else fact


def test_the_socket_needs_a_directory_its_user_may_write_to(folder: Path) -> None:
    found = socket_dir_not_writable(folder / "x.sock", unit())
    assert (found.path, found.user, found.missing, found.mode) == (str(folder), "www-data", False, 0o755)
    folder.chmod(0o777)
    assert isinstance(socket_dir_not_writable(folder / "x.sock", unit()), Absent)
    assert socket_dir_not_writable(folder / "run" / "x.sock", unit()).missing


def test_a_directory_above_counts_too(folder: Path) -> None:
    inner = folder / "run"
    inner.mkdir()
    inner.chmod(0o777)
    folder.chmod(0o700)
    assert socket_dir_not_writable(inner / "x.sock", unit()).path == str(folder)


@pytest.mark.parametrize(
    "facts",
    [
        {"user": Absent()},
        {"user": Known("root")},
        {"triggered_by": (make(SocketUnit, name="shop.socket"),)},
    ],
    ids=["no-user", "root", "socket-unit"],
)
def test_who_needs_no_permission(folder: Path, facts: dict[str, Any]) -> None:
    assert isinstance(socket_dir_not_writable(folder / "x.sock", unit(**facts)), Absent)


def test_systemd_makes_the_runtime_directory() -> None:
    made = unit(runtime_directories=Known(("/run/shop",)))
    assert isinstance(socket_dir_not_writable("/run/shop/x.sock", made), Absent)
    assert socket_dir_not_writable("/run/shop-x/x.sock", made).missing
    assert isinstance(
        socket_dir_not_writable("/run/shop/x.sock", unit(runtime_directories=Unknown("unread", Cause.AMBIGUOUS))),
        Unknown,
    )


def test_a_step_of_root_before_the_start_may_make_it(folder: Path) -> None:
    def before(*argv: str, prefixes: str = "+") -> Unit:
        return unit(exec_start_pre=Known((ExecCommand(argv, prefixes),)))

    path = folder / "x.sock"
    assert isinstance(
        socket_dir_not_writable(path, before("/usr/bin/install", "-d", "-o", "www-data", str(folder))), Unknown
    )
    assert socket_dir_not_writable(path, before("/bin/mkdir", "-p", str(folder))).mode == 0o755
    assert socket_dir_not_writable(path, before("/bin/chown", "www-data", str(folder), prefixes="")).mode == 0o755
    assert socket_dir_not_writable(path, before("/bin/true")).mode == 0o755


def test_what_runtime_directory_would_have_to_say() -> None:
    def name(path: str, **facts: Any) -> Any:
        found = socket_dir_not_writable(path, unit(**facts)).runtime_name
        return found.value if isinstance(found, Known) else found

    assert name("/run/shop-x/x.sock") == "shop-x"
    # Not in /run, or directly in it, or set already, or set by a drop-in that comes later.
    for path, facts in (
        ("/srv/none/x.sock", {}),
        ("/run/x.sock", {}),
        ("/run/shop-x/inner/x.sock", {}),
        ("/run/shop-x/x.sock", {"runtime_directories": Known(("/run/other",))}),
        ("/run/shop-x/x.sock", {"set_after_ours": ("RuntimeDirectory",)}),
    ):
        assert isinstance(name(path, **facts), Absent), path


def test_a_directory_of_others_is_not_taken_over() -> None:
    path = Path(tempfile.mkdtemp(dir="/run"))
    try:
        path.chmod(0o755)
        found = socket_dir_not_writable(path / "x.sock", unit())
        assert found.runtime_name.value == path.name
        (path / "x.sock").touch()  # its own, left behind
        assert socket_dir_not_writable(path / "x.sock", unit()).runtime_name.value == path.name
        (path / "other.pid").touch()
        assert isinstance(socket_dir_not_writable(path / "x.sock", unit()).runtime_name, Absent)
    finally:
        shutil.rmtree(path)


def test_of_a_repository_only_run_itself_is_certain() -> None:
    assert socket_dir_not_writable("/run/shop.sock", unit(), Repository()).path == "/run"
    assert isinstance(socket_dir_not_writable("/run/shop/x.sock", unit(), Repository()), Unknown)


def test_the_runtime_directory_of_the_next_start() -> None:
    def closed(mode: int, group: Fact[str], path: str = "/run/shop/x.sock", uid: Fact[int] = UID) -> Any:
        of = unit(
            user=Known("daemon"),
            group=group,
            runtime_directories=Known(("/run/shop",)),
            runtime_directory_mode=Known(mode),
        )
        fact = runtimedir.closed(LiveHost(), path, (of,), uid, GIDS)
        return fact.value if isinstance(fact, Known) else fact

    assert (closed(0o700, Known("www-data")).path, closed(0o700, Known("www-data")).mode) == ("/run/shop", 0o700)
    assert closed(0o750, Known("daemon")).right == "x"
    assert isinstance(closed(0o750, Known("www-data")), Absent)
    assert isinstance(closed(0o711, Known("daemon")), Absent)
    assert isinstance(closed(0o700, Known("daemon"), uid=Known(0)), Absent)
    assert isinstance(closed(0o700, Known("daemon"), path="/run/other/x.sock"), Absent)
    assert isinstance(closed(0o700, Known("daemon"), uid=Unknown("nginx does not run", Cause.AMBIGUOUS)), Unknown)


def taken(of: Gunicorn) -> Any:
    host = LiveHost()
    listed = table(host)
    assert isinstance(listed, Known)
    fact = next(iter(with_holders(host, (of,), listed.value.rows))).address_in_use
    return fact.value if isinstance(fact, Known) else fact


def test_who_holds_a_port() -> None:
    with sockets.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        port = server.getsockname()[1]
        assert taken(gunicorn(f"127.0.0.1:{port}")).pid == os.getpid()
        assert taken(gunicorn(f"0.0.0.0:{port}")).pid == os.getpid()
        assert isinstance(taken(gunicorn(f"127.0.0.2:{port}")), Absent)
        own = gunicorn(f"127.0.0.1:{port}", master=Known(make(Process, pid=os.getpid())))
        assert isinstance(taken(own), Absent)
        listens = gunicorn(f"127.0.0.1:{port}", listens=Known((parse_bind(f"127.0.0.1:{port}"),)))
        assert isinstance(taken(listens), Absent)
        unseen = gunicorn(f"127.0.0.1:{port}", listens=Unknown("run with sudo", Cause.NEEDS_ROOT))
        assert isinstance(taken(unseen), Unknown)
    assert isinstance(taken(gunicorn(f"127.0.0.1:{port}")), Absent)


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        ((GUNICORN, "-w", "3", "wsgi:app"), f"{GUNICORN} --check-config -w 3 wsgi:app"),
        (("/v/bin/python", "-m", "gunicorn", "wsgi:app"), "/v/bin/python -m gunicorn --check-config wsgi:app"),
        ((GUNICORN, "wsgi:create_app('a b')"), f"{GUNICORN} --check-config \"wsgi:create_app('a b')\""),
        ((GUNICORN, "--bind", "unix:/run/%x", "$ARGS"), f"{GUNICORN} --check-config --bind unix:/run/%%x $ARGS"),
        (("/bin/sh", "-c", "exec gunicorn wsgi:app"), None),
    ],
    ids=["script", "module", "quotes", "percent", "shell"],
)
def test_the_command_that_tests_a_release(argv: tuple[str, ...], line: str | None) -> None:
    fact = with_preflight(
        gunicorn("127.0.0.1:8000"), plan(LiveHost(), unit(exec_start=Known((ExecCommand(argv),))))
    ).preflight
    assert (fact.value if isinstance(fact, Known) else None) == line


def test_nobody_could_look_is_not_nothing() -> None:
    of = replace(unit(), exec_start=Unknown("unread", Cause.AMBIGUOUS), user=Unknown("unread", Cause.AMBIGUOUS))
    assert isinstance(with_preflight(gunicorn("127.0.0.1:8000"), plan(LiveHost(), of)).preflight, Unknown)
    assert isinstance(socket_dir_not_writable("/run/x.sock", of), Unknown)


def test_a_stop_takes_the_socket_of_another_away(tmp_path: Path) -> None:
    there, gone = parse_bind(f"unix:{tmp_path}/there.sock"), parse_bind(f"unix:{tmp_path}/gone.sock")
    (tmp_path / "there.sock").touch()

    def doomed(address: Any, *, activated: bool, preserve: str = "no", state: str = "active", other: str = "") -> Any:
        listens = make(SocketUnit, name="shop.socket", listen=Known((address,)), active_state=Known("active"))
        made = Known((str(tmp_path),))
        facts: dict[str, Any] = {"runtime_directories": made, "runtime_directory_preserve": Known(preserve)}
        own = unit(**facts, triggered_by=(listens,) if activated else ())
        more = (replace(unit(**facts, active_state=Known(state)), name=other),) if other else ()
        settings = make(Settings, bind=Known((address,)))
        of = gunicorn("unix:/x", settings=settings, master=Known(make(Process, pid=1)))
        fact = runtimedir.doomed(LiveHost(), (own,), (of,), (own, *more))
        return fact.value if isinstance(fact, Known) else fact

    waiting = doomed(there, activated=True)
    assert (waiting.unit, waiting.listener, waiting.gone.value) == ("shop.service", "shop.socket", False)
    assert doomed(gone, activated=True).gone.value
    assert isinstance(doomed(there, activated=True, preserve="yes"), Absent)
    assert isinstance(doomed(there, activated=True, preserve="restart"), Absent)
    assert doomed(gone, activated=True, preserve="restart").gone.value
    assert isinstance(doomed(gone, activated=False), Absent), "Gunicorn makes its own socket anew"
    assert doomed(there, activated=False, other="blog.service").unit == "blog.service"
    assert doomed(gone, activated=False, other="blog.service").gone.value
    assert isinstance(doomed(there, activated=False, other="old.service", state="inactive"), Absent)
    outside = parse_bind("unix:/run/elsewhere.sock")
    assert isinstance(doomed(outside, activated=True), Absent)
