from __future__ import annotations

from typing import Any

import pytest
from factories import make

from doctor.cause import Cause
from doctor.conclusions import environment
from doctor.conclusions.environment import Environment
from doctor.facts.value import Absent, Fact, Known, Place, Unknown
from doctor.grammar.envfile import EnvAssignment, EnvFile, EnvOddity, EnvOddLine
from doctor.hosts.base import FileType, Missing, Output, Stat, TargetKind, Unseen
from doctor.hosts.commands import Command
from doctor.servers.gunicorn.plan import plan
from doctor.sources.process import Process
from doctor.sources.systemd import EnvironmentFileRef, ExecCommand, Unit
from doctor.sources.variables import Variable

STARTED = 1000.0
ENV = "/etc/shop/env"
LINE = Place(path="/u", line=3, text="Environment=A=t1")


class FakeHost:
    def __init__(self, *assignments: tuple[str, str], mtime: float = 0.0, kind: TargetKind = TargetKind.LIVE) -> None:
        self.kind = kind
        self.files: dict[str, EnvFile | Missing | Unseen] = {ENV: env_file(*assignments)}
        self.mtime = mtime
        self.manager: Output | Unseen = Output(0, "Environment=LANG=C.UTF-8\n", "")

    def named_in(self, *_: str) -> FakeHost:
        return self

    def lent(self, *_: Any) -> FakeHost:
        return self

    def read(self, *_: Any, **__: Any) -> Missing:
        return Missing()

    def documents(self) -> tuple[()]:
        return ()

    def run(self, command: Command) -> Output | Unseen:
        assert command.arguments[-1] == "--property=Environment"
        return self.manager

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
        make(
            Unit,
            environment=Known(tuple(Variable(name, value, LINE) for name, value in environment), (LINE,)),
            environment_files=Known((EnvironmentFileRef(path, optional),)),
            exec_start=Known((ExecCommand(argv or ("/srv/venv/bin/gunicorn", "app")),)),
        )
    )


def master(**environ: str) -> Known[Process]:
    return Known(make(Process, pid=7, started=STARTED, environ=Known(environ)))


def compare(
    host: FakeHost,
    of: Fact[Unit],
    process: Fact[Process],
    required: Fact[tuple[str, ...]] = Absent(),  # noqa: B008
) -> Environment:
    fake: Any = host
    planned = Known(plan(fake, of.value)) if isinstance(of, Known) else of
    return environment.collect(environment.compare(fake, planned, process), required)


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
    ("manager", "expected"),
    [
        (Output(0, "Environment=LANG=C GONE=t2 'TWO=a b'\n", ""), Absent),
        (Output(0, "Environment=LANG=C\n", ""), ("GONE", "TWO")),
        (Output(1, "", "Failed to connect to bus"), Unknown),
        (Unseen("systemctl timed out", Cause.TIMED_OUT), Unknown),
    ],
)
def test_what_every_service_is_given_was_not_removed(manager: Output | Unseen, expected: object) -> None:
    host = FakeHost(("A", "t1"), mtime=2000)
    host.manager = manager
    assert names(compare(host, unit(), master(A="t1", GONE="t2", TWO="t3")).changed) == expected


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
    hidden: Known[Process] = Known(
        make(Process, started=STARTED, environ=Unknown("permission denied", Cause.AMBIGUOUS))
    )
    assert compare(FakeHost(("A", "t1")), unit(), hidden).changed == Unknown("permission denied", Cause.AMBIGUOUS)
    host = FakeHost()
    host.files[ENV] = Unseen("permission denied reading /etc/shop/env (run with sudo)", Cause.NEEDS_ROOT)
    result = compare(host, unit(), master(A="t1"), Known(("A", "B")))
    assert isinstance(result.changed, Unknown)
    assert isinstance(result.declared, Unknown)
    assert isinstance(result.files[0].state, Unknown)
    assert isinstance(result.missing_required, Unknown)


def test_missing_file() -> None:
    host = FakeHost()
    host.files[ENV] = Missing()
    (state,) = compare(host, unit(optional=True), Absent()).files
    assert (names(state.state), state.optional) == ("missing", True)
    host.kind = TargetKind.TREE
    (state,) = compare(host, unit(), Unknown("a repository has no running service", Cause.OUTSIDE)).files
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


def test_expected_are_the_declared_the_commands_and_what_the_process_has_from_elsewhere() -> None:
    host = FakeHost(("A", "t1"), mtime=2000)
    result = compare(host, unit("/usr/bin/env", "B=1", "/v/bin/gunicorn"), master(A="t1", FROM_MANAGER="t2", GONE="t3"))
    assert isinstance(result.expected, Known)
    assert {"A", "B"} <= result.expected.value
    assert {"FROM_MANAGER", "GONE"}.isdisjoint(result.expected.value)
    untouched = compare(FakeHost(("A", "t1")), unit(), master(A="t1", FROM_MANAGER="t2"))
    assert isinstance(untouched.expected, Known)
    assert "FROM_MANAGER" in untouched.expected.value


def test_a_variable_lost_while_it_runs_is_missing_at_the_next_start() -> None:
    host = FakeHost(("A", "t1"), mtime=2000)
    result = compare(host, unit(), master(A="t1", KEY="t2"), Known(("KEY",)))
    assert names(result.missing_required) == ("KEY",)


def test_what_a_script_may_set_is_not_known_before_it_runs() -> None:
    assert isinstance(compare(FakeHost(("A", "t1")), unit("/srv/start"), Absent()).expected, Unknown)
    assert names(compare(FakeHost(("A", "t1")), unit("/srv/start"), master(A="t1", B="x")).expected) >= {"A", "B"}


def test_a_missing_file_stops_the_start_unless_it_is_optional() -> None:
    host = FakeHost()
    host.files[ENV] = Missing()
    result = compare(host, unit(), Absent())
    assert names(result.unloadable) == ENV
    assert names(result.hidden) is Absent
    optional = compare(host, unit(optional=True), Absent())
    assert names(optional.unloadable) is Absent
    assert names(optional.hidden) == ENV


def test_a_file_that_cannot_be_looked_at_is_not_missing() -> None:
    host = FakeHost()
    host.files[ENV] = Unseen("permission denied", Cause.NEEDS_ROOT)
    assert names(compare(host, unit(), Absent()).unloadable) is Unknown


def odd(kind: EnvOddity, name: str, line: int = 1) -> tuple[EnvOddLine, ...]:
    return (EnvOddLine(line, kind, name),)


def test_a_dropped_line_matters_where_nothing_else_sets_the_name() -> None:
    host = FakeHost()
    host.files[ENV] = env_file(odd=odd(EnvOddity.EXPORT, "KEY"))
    result = compare(host, unit(), Absent())
    assert names(result.lost) == ("KEY",)
    assert isinstance(result.misread, Known)
    assert (result.misread.places[0].path, result.misread.places[0].line) == (ENV, 1)
    assert names(compare(host, unit(environment=(("KEY", "t1"),)), Absent()).lost) is Absent
    assert names(compare(host, unit(), master(KEY="t1")).misread) is Absent


def test_a_word_without_equals_matters_where_the_code_needs_it() -> None:
    host = FakeHost()
    host.files[ENV] = env_file(odd=odd(EnvOddity.NO_EQUALS, "KEY"))
    assert names(compare(host, unit(), Absent()).lost) is Absent
    assert names(compare(host, unit(), Absent(), Known(("KEY",))).lost) == ("KEY",)


def test_a_changed_value_matters_where_its_line_is_the_one_in_force() -> None:
    host = FakeHost()
    host.files[ENV] = env_file(("A", "t1"), ("A", "t2"), odd=odd(EnvOddity.INLINE_COMMENT, "A", line=2))
    result = compare(host, unit(), Absent())
    assert names(result.misread) == ("the comment becomes part of the value of A",)
    assert names(result.lost) is Absent
    host.files[ENV] = env_file(("A", "t1"), ("A", "t2"), odd=odd(EnvOddity.INLINE_COMMENT, "A", line=1))
    assert names(compare(host, unit(), Absent()).misread) is Absent


def test_white_space_before_the_equals_sign_does_no_harm() -> None:
    host = FakeHost()
    host.files[ENV] = env_file(("A", "t1"), odd=odd(EnvOddity.SPACE_BEFORE_EQUALS, "A"))
    assert names(compare(host, unit(), Absent()).misread) is Absent
