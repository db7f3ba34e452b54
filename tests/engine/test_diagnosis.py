from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from engine.builders import rule
from hypothesis import given, settings
from hypothesis import strategies as st

from doctor.apps.topology import Hop
from doctor.engine.diagnosis import Diagnosis, diagnose
from doctor.engine.finding import Finding, SubjectRef
from doctor.engine.rule import Severity

BASE = rule()


def finding(
    name: str,
    *explains: str,
    id: str = "GUN900",
    app: str = "shop",
    hop: Hop | None = Hop.UNIT,
    severity: Severity = Severity.ERROR,
) -> Finding:
    made = replace(BASE, name=name, id=id, hop=hop)
    return Finding(made, severity, SubjectRef("app", app), app, name, (), (), f"{name}-{app}", explains)


def shape(diagnosis: Diagnosis) -> list[tuple[str, list[str]]]:
    return [(cause.finding.name, [f.name for f in cause.consequences]) for cause in diagnosis.causes]


CHAIN = [
    finding("missing-module", "boot-failure", id="APP002", hop=Hop.CODE),
    finding("boot-failure", "unit-failed", id="APP001", hop=Hop.MASTER),
    finding("unit-failed", "socket-missing", id="SYS001", hop=Hop.UNIT),
    finding("socket-missing", "no-answer", id="SOC001", hop=Hop.SOCKET),
    finding("no-answer", id="NGX008", hop=Hop.UPSTREAM),
]


@pytest.mark.parametrize("order", [0, 17, 63, 119])
def test_a_chain_is_one_cause_with_what_follows_nearest_first(order: int) -> None:
    shuffled = list(list(permutations(CHAIN))[order])
    assert shape(diagnose(shuffled)) == [
        ("missing-module", ["boot-failure", "unit-failed", "socket-missing", "no-answer"])
    ]


def test_each_finding_names_its_neighbours() -> None:
    by_name = {f.name: f for f in diagnose(CHAIN).findings}
    assert by_name["missing-module"].explained_by == ()
    assert by_name["missing-module"].explains == ("boot-failure",)
    assert by_name["unit-failed"].explained_by == ("boot-failure",)
    assert by_name["no-answer"].explains == ()


def test_without_its_cause_the_next_link_leads() -> None:
    assert shape(diagnose(CHAIN[2:]))[0][0] == "unit-failed"
    assert shape(diagnose([CHAIN[0], CHAIN[2]])) == [("unit-failed", []), ("missing-module", [])]


def test_explains_keeps_only_findings_there_are() -> None:
    [only] = diagnose([CHAIN[0]]).findings
    assert only.explains == ()


def test_causes_are_ordered_by_severity_hop_and_id() -> None:
    found = [
        finding("info", severity=Severity.INFO, hop=Hop.SERVER),
        finding("late", hop=Hop.CODE, id="AAA001"),
        finding("second", hop=Hop.SOCKET, id="BBB002"),
        finding("first", hop=Hop.SOCKET, id="BBB001"),
        finding("warning", severity=Severity.WARNING, hop=Hop.SERVER),
        finding("host", hop=None, app="", id="ZZZ001"),
    ]
    assert [name for name, _ in shape(diagnose(found))] == ["host", "first", "second", "late", "warning", "info"]


def test_an_error_is_never_under_a_warning() -> None:
    found = [
        finding("cause", "effect", severity=Severity.WARNING, hop=Hop.SERVER, id="AAA001"),
        finding("effect", "note", hop=Hop.STATIC),
        finding("note", severity=Severity.INFO),
    ]
    assert shape(diagnose(found)) == [("effect", ["note"]), ("cause", [])]
    assert all(not f.explained_by for f in diagnose(found).findings if f.name == "effect")


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.frozensets(st.sampled_from("abcde")), st.sampled_from(Severity)),
        max_size=9,
    )
)
def test_nothing_is_under_something_milder(drawn: list[tuple[str, frozenset[str], Severity]]) -> None:
    found = [finding(name, *sorted(explains - {name}), severity=severity) for name, explains, severity in drawn]
    diagnosis = diagnose(found)
    assert len(diagnosis.findings) == len(found)
    for cause in diagnosis.causes:
        assert all(cause.finding.severity.rank <= other.severity.rank for other in cause.consequences)


def test_apps_do_not_explain_each_other_but_the_host_explains_all() -> None:
    found = [finding("a", "b"), finding("b", app="blog"), finding("b", app="")]
    assert shape(diagnose(found)) == [("b", []), ("a", []), ("b", [])] or len(diagnose(found).causes) == 3
    host = [finding("a", "b", app="", hop=None), finding("b"), finding("b", app="blog"), finding("b", app="")]
    [cause] = diagnose(host).causes
    assert sorted(f.app for f in cause.consequences) == ["", "blog", "shop"]


def test_what_two_causes_explain_is_told_once_and_names_both() -> None:
    found = [finding("a", "c", id="A"), finding("b", "c", id="B"), finding("c")]
    diagnosis = diagnose(found)
    assert shape(diagnosis) == [("a", ["c"]), ("b", [])]
    assert diagnosis.causes[0].consequences[0].explained_by == ("a", "b")
    assert diagnosis.causes[1].finding.explains == ("c",)


def test_a_circle_has_one_cause() -> None:
    found = [finding("a", "b", id="A"), finding("b", "c", id="B"), finding("c", "a", "d", id="C"), finding("d", id="D")]
    assert shape(diagnose(found)) == [("a", ["b", "c", "d"])]
    led = [finding("x", "b", id="X"), *found]
    assert shape(diagnose(led)) == [("x", ["b", "c", "a", "d"])]


def test_nothing_explains_the_root_of_a_circle() -> None:
    two = diagnose([finding("a", "b", id="A"), finding("b", "a", id="B")]).findings
    assert [(f.name, f.explains, f.explained_by) for f in two] == [("a", ("b",), ()), ("b", (), ("a",))]
    three = [finding("a", "b", id="A"), finding("b", "c", id="B"), finding("c", "a", id="C")]
    for turned in (three, three[::-1]):
        links = {f.name: (f.explains, f.explained_by) for f in diagnose(turned).findings}
        assert links == {"a": (("b",), ()), "b": (("c",), ("a",)), "c": ((), ("b",))}


def test_a_rule_does_not_explain_its_own_findings_elsewhere() -> None:
    assert diagnose([]).findings == ()
    assert shape(diagnose([finding("a"), finding("a")])) == [("a", []), ("a", [])]


NAMES = "abcdef"


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES)), max_size=6))
def test_every_finding_is_told_once_whatever_the_edges(edges: dict[str, set[str]]) -> None:
    found = [finding(name, *sorted(others - {name}), id=name) for name, others in edges.items()]
    diagnosis = diagnose(found)
    assert sorted(f.name for f in diagnosis.findings) == sorted(edges)
    for cause in diagnosis.causes:
        told = {f.name for f in cause.consequences}
        assert cause.finding.explained_by == ()
        reach = {cause.finding.name}
        for _ in edges:
            reach |= {b for a in reach for b in edges[a] if b in edges}
        assert told <= reach
        assert set(cause.finding.explained_by) <= reach
