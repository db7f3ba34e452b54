from __future__ import annotations

from typing import Any

import pytest
from factories import app, known, machine, make, tcp, unit
from hypothesis import given
from hypothesis import strategies as st

from doctor.apps.topology import PeerState, Route
from doctor.cause import Cause
from doctor.engine.evaluate import Evaluation, bind, combine, evaluate
from doctor.engine.expression import parse
from doctor.engine.subjects import SUBJECTS
from doctor.engine.types import check
from doctor.facts.value import Absent, Known, Origin, Place, Unknown
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.model import Settings
from doctor.servers.nginx.model import Location, Peer
from doctor.sources.logs import LogEvent, UnitLog
from doctor.sources.systemd import UnitProblem

U, V, A = Unknown("no permission", Cause.AMBIGUOUS), Unknown("timed out", Cause.TIMED_OUT), Absent()
TRUTH = st.sampled_from([True, False, U])
FOUR = st.sampled_from([True, False, U, A])


def shop(**settings: Any) -> dict[str, Any]:
    gunicorn = make(Gunicorn, name="shop.service", settings=make(Settings, **settings))
    return {"app": app(gunicorn=gunicorn)}


def run(text: str, namespace: dict[str, Any]) -> Evaluation:
    """Checked as a rule would be, then evaluated."""
    node = parse(text)
    check(node, SUBJECTS["route"].scope)
    return evaluate(node, bind(namespace))


def paths(evaluation: Evaluation) -> list[str]:
    return [seen.path for seen in evaluation.seen]


def logic(operator: str, *values: Any) -> Any:
    parts = (Evaluation(value) for value in values)
    return combine(parts, decisive=operator == "or").value


def negate(value: Any) -> Any:
    return value if isinstance(value, (Absent, Unknown)) else not value


# Kleene's laws


@given(FOUR, FOUR)
def test_and_and_or_commute(a: Any, b: Any) -> None:
    assert logic("and", a, b) == logic("and", b, a)
    assert logic("or", a, b) == logic("or", b, a)


@given(FOUR, FOUR, FOUR)
def test_and_and_or_associate(a: Any, b: Any, c: Any) -> None:
    for operator in ("and", "or"):
        assert logic(operator, logic(operator, a, b), c) == logic(operator, a, logic(operator, b, c))
        assert logic(operator, a, b, c) == logic(operator, a, logic(operator, b, c))


@given(FOUR, FOUR)
def test_de_morgan(a: Any, b: Any) -> None:
    assert negate(logic("and", a, b)) == logic("or", negate(a), negate(b))


@given(TRUTH, TRUTH, TRUTH)
def test_and_distributes_over_or(a: Any, b: Any, c: Any) -> None:
    assert logic("and", a, logic("or", b, c)) == logic("or", logic("and", a, b), logic("and", a, c))


@given(FOUR, FOUR)
def test_absorption_and_identity(a: Any, b: Any) -> None:
    assert logic("and", a, True) == a == logic("or", a, False)
    assert logic("and", a, False) is False
    assert logic("or", a, True) is True
    assert logic("and", a, a) == a == logic("or", a, a)


@given(TRUTH, TRUTH)
def test_what_is_unknown_never_changes_what_was_decided(a: Any, b: Any) -> None:
    """Monotony: once Unknown becomes known, a decided result stays."""
    for operator in ("and", "or"):
        if logic(operator, a, b) is not U:
            for better in (True, False):
                assert logic(operator, better if a is U else a, b) == logic(operator, a, b)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not app.gunicorn.settings.preload", U),
        ("app.gunicorn.settings.preload and false", False),
        ("false and app.gunicorn.settings.preload", False),
        ("app.gunicorn.settings.preload or true", True),
        ("app.gunicorn.settings.preload and true", U),
        ("app.gunicorn.settings.preload == true", U),
        ("app.gunicorn.settings.preload == app.gunicorn.settings.preload", U),
        ("app.gunicorn.settings.preload != null", U),
        ("known(app.gunicorn.settings.preload)", False),
        ("exists(app.gunicorn.settings.preload)", U),
        ("not exists(app.gunicorn.settings.preload)", U),
        ("app.gunicorn.settings.workers + 1 > 2", V),
        ("app.gunicorn.settings.workers in [1, 2]", V),
        ("len(app.gunicorn.settings.raw_env) == 0", V),
        ('lower(app.gunicorn.settings.user) == "root"', V),
        ('origin(app.gunicorn.settings.workers) == "default"', V),
    ],
)
def test_unknown_absorbs(text: str, expected: Any) -> None:
    facts = shop(preload=U, workers=V, raw_env=V, user=V)
    assert run(text, facts).value == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app.gunicorn.settings.user == null", True),
        ("app.gunicorn.settings.user != null", False),
        ('app.gunicorn.settings.user == "root"', False),
        ('app.gunicorn.settings.user != "root"', True),
        ('app.gunicorn.settings.user in ["root"]', False),
        ('"x" in app.gunicorn.settings.raw_env', False),
        ('"x" not in app.gunicorn.settings.raw_env', True),
        ("app.gunicorn.settings.user in app.name", False),
        ("app.gunicorn.settings.user not in app.name", True),
        ("app.gunicorn.settings.workers > 1", A),
        ("not app.gunicorn.settings.workers > 1", A),
        ("app.gunicorn.settings.workers + 1 == 2", False),
        ("app.gunicorn.settings.preload", A),
        ("not app.gunicorn.settings.preload", A),
        ("app.gunicorn.settings.preload or true", True),
        ("exists(app.gunicorn.settings.user)", False),
        ("known(app.gunicorn.settings.user)", True),
        ("any(x == 'a' for x in app.gunicorn.settings.raw_env)", False),
        ("all(x == 'a' for x in app.gunicorn.settings.raw_env)", True),
        ("count(x for x in app.gunicorn.settings.raw_env)", 0),
        ("app.unit.user == null", True),
        ("exists(app.unit.user)", False),
        ("app.units[0] == null", True),
    ],
)
def test_absent_is_null_and_no_value(text: str, expected: Any) -> None:
    assert run(text, shop()).value == expected


def test_unknown_outweighs_absent() -> None:
    facts = shop(preload=U)
    assert run("app.gunicorn.settings.preload and app.gunicorn.settings.reload", facts).value is U
    assert run("app.gunicorn.settings.reload or app.gunicorn.settings.preload", facts).value is U
    assert run("app.gunicorn.settings.timeout < app.gunicorn.settings.workers", shop(workers=U)).value is U


def test_an_attribute_of_what_is_unknown_or_absent() -> None:
    assert run("app.gunicorn.settings.workers == 1", {"app": app(gunicorn=U)}).value is U
    assert run("app.gunicorn.settings.workers == null", {"app": app()}).value is True
    assert paths(run("app.gunicorn.settings.workers > 1", {"app": app(gunicorn=U)})) == [
        "app.gunicorn.settings.workers"
    ]


# What decided


@pytest.mark.parametrize(
    ("text", "decided"),
    [
        ("app.gunicorn.settings.workers > 1 and app.gunicorn.settings.timeout > 60", ["timeout"]),
        ("app.gunicorn.settings.workers > 4 and app.gunicorn.settings.timeout > 60", ["workers"]),
        ("app.gunicorn.settings.workers > 1 and app.gunicorn.settings.timeout > 6", ["workers", "timeout"]),
        ("app.gunicorn.settings.workers > 1 or app.gunicorn.settings.timeout > 60", ["workers"]),
        ("app.gunicorn.settings.workers > 4 or app.gunicorn.settings.timeout > 60", ["workers", "timeout"]),
        ("app.gunicorn.settings.workers < app.gunicorn.settings.timeout", ["workers", "timeout"]),
        ("1 < app.gunicorn.settings.workers < app.gunicorn.settings.timeout", ["workers", "timeout"]),
        ("app.gunicorn.settings.workers < 1 < app.gunicorn.settings.timeout", ["workers"]),
        ("app.gunicorn.settings.preload and app.gunicorn.settings.workers > 1", ["preload"]),
        ("app.gunicorn.settings.preload and app.gunicorn.settings.workers > 9", ["workers"]),
        ("app.gunicorn.settings.workers == 3 and app.gunicorn.settings.workers != 9", ["workers"]),
        ("not exists(app.gunicorn.settings.user)", ["user"]),
    ],
)
def test_the_facts_that_decided(text: str, decided: list[str]) -> None:
    facts = shop(workers=3, timeout=30, preload=U)
    assert paths(run(text, facts)) == [f"app.gunicorn.settings.{name}" for name in decided]


def test_a_fact_carries_its_places_and_origin() -> None:
    facts = shop(workers=known(3, "/etc/systemd/system/shop.service", 13, "--workers 3"))
    [seen] = run("app.gunicorn.settings.workers > 4", facts).seen
    assert seen.fact == Known(3, (Place("/etc/systemd/system/shop.service", 13, text="--workers 3"),), Origin.EXPLICIT)


def test_a_plain_field_carries_the_place_of_what_it_belongs_to() -> None:
    event = LogEvent(14, 1.0, 2.0, "worker timeout")
    place = Place(command="journalctl -u shop.service")
    log = make(UnitLog, worker_timeouts=Known(event, (place,)))
    [seen] = run("app.log.worker_timeouts.count > 1", {"app": app(log=log)}).seen
    assert (seen.path, seen.fact) == ("app.log.worker_timeouts.count", Known(14, (place,)))

    location = make(Location, pattern="/", place=Place("/etc/nginx/sites-enabled/shop", 5))
    facts = {"route": make(Route, location=location)}
    [seen] = run('route.location.pattern == "/"', facts).seen
    assert seen.fact.places == (Place("/etc/nginx/sites-enabled/shop", 5),)


# Quantifiers


def routes(*states: Any) -> dict[str, Any]:
    peers = [make(Peer, address=tcp(8000 + n), place=Place("/etc/nginx/x", n + 1)) for n in range(len(states))]
    found = tuple(make(Route, peer=peer, state=state) for peer, state in zip(peers, states, strict=True))
    return {"app": app(routes=found)}


OURS, NOBODY = PeerState.OURS, PeerState.NOBODY


@pytest.mark.parametrize(
    ("states", "any_", "all_", "count"),
    [
        ((), False, True, 0),
        ((OURS,), True, True, 1),
        ((NOBODY,), False, False, 0),
        ((OURS, NOBODY), True, False, 1),
        ((U,), U, U, U),
        ((U, OURS), True, U, U),
        ((U, NOBODY), U, False, U),
        ((Absent(), OURS), True, False, 1),
    ],
)
def test_quantifiers(states: tuple[Any, ...], any_: Any, all_: Any, count: Any) -> None:
    facts = routes(*states)
    assert run('any(r.state == "ours" for r in app.routes)', facts).value == any_
    assert run('all(r.state == "ours" for r in app.routes)', facts).value == all_
    assert run('count(r.state == "ours" for r in app.routes)', facts).value == count


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('any(true for r in app.routes if r.state == "ours")', True),
        ('all(false for r in app.routes if r.state == "stranger")', True),
        ('all(r.state == "ours" for r in app.routes if r.state != "nobody")', True),
        ('all(r.state == "ours" for r in app.routes if r.state == "nobody")', False),
        ('count(r for r in app.routes if r.state == "ours")', 1),
        ("count(r for r in app.routes)", 2),
        ("any(any(p.down for p in r.upstream.peers) for r in app.routes)", False),
    ],
)
def test_filters(text: str, expected: Any) -> None:
    assert run(text, routes(OURS, NOBODY)).value == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('any(r.state == "ours" for r in app.routes if r.state != "nobody")', U),
        ('all(r.peer.local for r in app.routes if r.state == "ours")', U),
        ('all(not r.peer.local for r in app.routes if r.state == "ours")', True),
        ('any(r.peer.local for r in app.routes if r.state == "ours")', False),
        ('count(r for r in app.routes if r.state == "ours")', U),
    ],
)
def test_an_element_that_may_or_may_not_count(text: str, expected: Any) -> None:
    assert run(text, routes(U)).value == expected


def test_each_element_that_decided_is_evidence() -> None:
    facts = routes(OURS, NOBODY, NOBODY)
    assert paths(run('all(r.state == "ours" for r in app.routes)', facts)) == [
        "app.routes[1].state",
        "app.routes[2].state",
    ]
    assert paths(run('any(r.state == "ours" for r in app.routes)', facts)) == ["app.routes[0].state"]
    assert paths(run("count(r for r in app.routes if r.peer.down) > 0", facts)) == ["app.routes"]
    assert paths(run("any(r.peer.down for r in app.routes)", routes())) == ["app.routes"]


def test_elements_may_be_facts_themselves() -> None:
    good = known(UnitProblem("Unknown key 'Foo'", fatal=False), "/etc/systemd/system/shop.service", 3)
    facts = {"app": app(units=(unit(problems=(good, U)),))}
    assert run("any(p.fatal for p in app.unit.problems)", facts).value is U
    assert run("all(p.fatal for p in app.unit.problems)", facts).value is False
    [seen] = run("any(not p.fatal for p in app.unit.problems)", facts).seen
    assert seen.path == "app.unit.problems[0].fatal"
    assert seen.fact.places[0].line == 3


def test_membership_among_facts() -> None:
    def holds(*files: Any) -> Any:
        return evaluate(parse('"/etc/a" in files'), bind({"files": files})).value

    assert holds(U, known("/etc/a")) is True
    assert holds(known("/etc/b"), U) == U
    assert holds(known("/etc/b"), A) is False
    assert holds() is False


def test_a_list_nobody_could_look_at() -> None:
    facts = {"app": app(gunicorn=make(Gunicorn, workers=U))}
    for text in ("any(true for w in app.gunicorn.workers)", "all(true for w in app.gunicorn.workers)"):
        assert run(text, facts).value is U


# Functions and equality


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('under(app.release.link, "/srv/shop")', True),
        ('under(app.release.link, "/srv/shop/")', True),
        ('under(app.release.link, "/srv/sho")', False),
        ('under(app.release.link, "/srv/shop/current")', True),
        ('under(app.release.link, "/")', True),
        ('basename(app.release.link) == "current"', True),
        ('startswith(app.release.link, "/srv")', True),
        ('endswith(app.release.link, "current")', True),
        (r'matches(app.release.link, r"^/srv/\w+/c")', True),
        (r'matches(app.release.link, r"^c")', False),
        ("len(app.release.link) == 17", True),
        ('"shop" in app.release.link', True),
        ('version(app.gunicorn.version_running) >= version("20.1")', True),
        ('version(app.gunicorn.version_running) == version("20.1.0.0")', True),
        ('version(app.gunicorn.version_running) < version("20.10")', True),
        ('version(app.gunicorn.version_running) < version("v9")', False),
        ('"gevent" in app.code.uses', True),
        ('app.code.uses == ["flask", "gevent"]', True),
        ("app.gunicorn.settings.workers * 2 - 1 == 5", True),
        ('origin(app.gunicorn.settings.workers) == "inherited"', True),
    ],
)
def test_functions(text: str, expected: bool) -> None:
    gunicorn = make(Gunicorn, version_running="20.1.0", settings=make(Settings, workers=Known(3, (), Origin.INHERITED)))
    shop = app(gunicorn=gunicorn)
    release = type(shop.release)
    code = type(shop.code)
    facts = app(
        gunicorn=gunicorn,
        release=make(release, link="/srv/shop/current"),
        code=make(code, uses=frozenset({"flask", "gevent"})),
    )
    assert run(text, {"app": facts}).value is expected


def test_a_version_without_numbers_is_unknown() -> None:
    facts = {"app": app(gunicorn=make(Gunicorn, version_running="unreleased"))}
    assert run('version(app.gunicorn.version_running) < version("20")', facts).value == Unknown(
        "no version number in 'unreleased'", Cause.NOT_UNDERSTOOD
    )


def test_an_index_beyond_the_end_is_absent() -> None:
    shop = {"app": app(units=(unit("a.service"), unit("b.service")))}
    for index, name in ((0, "a.service"), (1, "b.service")):
        assert run(f"app.units[{index}].name", shop).value == name
    assert run("app.units[2].name", shop).value == Absent()


def test_host_is_the_root() -> None:
    facts = machine(app("a"), app("b"))
    assert run("count(a for a in host.apps) == 2", {"host": facts}).value is True
