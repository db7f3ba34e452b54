from __future__ import annotations

from typing import Any

import pytest
from blank import blank

from doctor.facts.environment import Environment, collect
from doctor.facts.process import Process
from doctor.facts.systemd import EnvironmentFileRef, ExecCommand, Unit
from doctor.facts.value import Absent, Fact, Known, Place, Unknown
from doctor.grammar.envfile import EnvAssignment, EnvFile, EnvOddity, EnvOddLine
from doctor.hosts.base import FileType, Missing, Stat, TargetKind, Unseen

STARTED = 1000.0
ENV = "/etc/shop/env"


class FakeHost:
    def __init__(self, *assignments: tuple[str, str], mtime: float = 0.0, kind: TargetKind = TargetKind.LIVE) -> None:
        self.kind = kind
        self.files: dict[str, EnvFile | Missing | Unseen] = {ENV: env_file(*assignments)}
        self.mtime = mtime

    def env_file(self, path: str) -> EnvFile | Missing | Unseen:
        return self.files.get(path, Missing())

    def stat(self, path: str) -> Stat | Missing | Unseen:
        if path in self.files and isinstance(self.files[path], Missing):
            return Missing()
        return Stat(FileType.FILE, 0o640, 0, 0, 10, self.mtime, self.mtime, 1, 1)

    def list(self, path: str) -> tuple[str, ...]:
        return tuple(name.rpartition("/")[2] for name in self.files if name.startswith(f"{path}/"))


def env_file(*assignments: tuple[str, str], odd: tuple[EnvOddLine, ...] = ()) -> EnvFile:
    return EnvFile(tuple(EnvAssignment(name, value, line) for line, (name, value) in enumerate(assignments, 1)), odd)


def unit(
    *argv: str, environment: tuple[tuple[str, str], ...] = (), optional: bool = False, path: str = ENV
) -> Known[Unit]:
    return Known(
        blank(
            Unit,
            environment=Known(environment, (Place(path="/u", line=3, text="Environment=A=t1"),)),
            environment_files=Known((EnvironmentFileRef(path, optional),)),
            exec_start=Known((ExecCommand(argv or ("/srv/venv/bin/gunicorn", "app")),)),
        )
    )


def master(**environ: str) -> Known[Process]:
    return Known(blank(Process, pid=7, started=STARTED, environ=Known(environ)))


def compare(
    host: FakeHost,
    of: Fact[Unit],
    process: Fact[Process],
    required: Fact[tuple[str, ...]] = Absent(),  # noqa: B008
) -> Environment:
    return collect(host, of, process, required)  # type: ignore[arg-type]


def names(fact: Fact[Any]) -> Any:
    return fact.value if isinstance(fact, Known) else type(fact)


def test_equal_is_silent_though_the_file_was_touched() -> None:
    result = compare(FakeHost(("A", "t1"), mtime=2000), unit(), master(A="t1", HOME="/", INVOCATION_ID="x"))
    assert names(result.changed) is Absent
    assert names(result.declared) == {"A"}


def test_changed_and_added_with_their_lines() -> None:
    result = compare(FakeHost(("A", "t1"), ("B", "t2"), ("C", "t3")), unit(), master(A="t1", B="old"))
    assert isinstance(result.changed, Known)
    assert result.changed.value == ("B", "C")
    assert [(place.path, place.line, place.text) for place in result.changed.places] == [
        (ENV, 2, "B=…"),
        (ENV, 3, "C=…"),
    ]


def test_the_file_wins_over_the_unit_and_the_last_line_over_the_first() -> None:
    of = unit(environment=(("A", "t1"), ("B", "t2")))
    assert names(compare(FakeHost(("A", "x"), ("A", "t9")), of, master(A="t9", B="t2")).changed) is Absent
    assert names(compare(FakeHost(("A", "t9")), of, master(A="t1", B="t2")).changed) == ("A",)


def test_removed_counts_only_when_the_file_was_touched_after_the_start() -> None:
    running = master(A="t1", GONE="t2", HOME="/", PWD="/srv")
    assert names(compare(FakeHost(("A", "t1"), mtime=500), unit(), running).changed) is Absent
    assert names(compare(FakeHost(("A", "t1"), mtime=2000), unit(), running).changed) == ("GONE",)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("/usr/bin/env", "A=b", "gunicorn"), Absent),
        (("/bin/sh", "-c", "export A=b; exec gunicorn"), Absent),
        (("/bin/sh", "-c", ". ./env; exec gunicorn"), Absent),
        (("/srv/start.sh",), Absent),
        (("/bin/sh", "-c", "exec gunicorn"), ("A",)),
    ],
)
def test_what_a_launcher_sets_is_no_change(argv: tuple[str, ...], expected: object) -> None:
    assert names(compare(FakeHost(("A", "t1"), mtime=500), unit(*argv), master(A="b")).changed) == expected


def test_behind_a_script_a_difference_counts_once_the_file_is_newer() -> None:
    assert names(compare(FakeHost(("A", "t1"), mtime=2000), unit("/srv/start.sh"), master(A="b")).changed) == ("A",)


def test_what_cannot_be_seen_is_unknown() -> None:
    hidden: Known[Process] = Known(blank(Process, started=STARTED, environ=Unknown("permission denied")))
    assert compare(FakeHost(("A", "t1")), unit(), hidden).changed == Unknown("permission denied")
    host = FakeHost()
    host.files[ENV] = Unseen("permission denied reading /etc/shop/env (run with sudo)")
    result = compare(host, unit(), master(A="t1"), Known(("A", "B")))
    assert isinstance(result.changed, Unknown)
    assert isinstance(result.declared, Unknown)
    assert isinstance(result.files[0].state, Unknown)
    assert isinstance(result.missing_required, Unknown)


def test_missing_file() -> None:
    host = FakeHost()
    host.files[ENV] = Missing()
    (state,) = compare(host, unit(optional=True), Absent()).files
    assert (names(state.state), state.optional, names(state.mode)) == ("missing", True, Absent)
    host.kind = TargetKind.TREE
    (state,) = compare(host, unit(), Unknown("a repository has no running service")).files
    assert isinstance(state.state, Unknown)


def test_patterns() -> None:
    host = FakeHost(("A", "t1"))
    host.files["/etc/shop/env2"] = env_file(("B", "t2"))
    result = compare(host, unit(path="/etc/shop/env*"), master(A="t1", B="t2"))
    assert [state.path for state in result.files] == [ENV, "/etc/shop/env2"]
    assert names(result.changed) is Absent


def test_odd_lines() -> None:
    host = FakeHost()
    odd = (EnvOddLine(1, EnvOddity.EXPORT, "SECRET"), EnvOddLine(2, EnvOddity.INLINE_COMMENT, "A"))
    host.files[ENV] = EnvFile((EnvAssignment("A", "t1", 2),), odd)
    (state,) = compare(host, unit(), Absent()).files
    assert isinstance(state.problems, Known)
    assert [(problem.line, problem.name, problem.dropped) for problem in state.problems.value] == [
        (1, "SECRET", True),
        (2, "A", False),
    ]


def test_required() -> None:
    host = FakeHost(("A", "t1"))
    assert names(compare(host, unit(), Absent(), Known(("A", "HOME", "B"))).missing_required) == ("B",)
    assert names(compare(host, unit(), master(B="x"), Known(("A", "B"))).missing_required) is Absent
    assert names(compare(host, unit("/srv/start.sh"), Absent(), Known(("B",))).missing_required) is Unknown
    assert names(compare(host, Absent(), master(B="x"), Known(("B", "C"))).missing_required) == ("C",)
