"""The two model rules against facts: what must fire, what must not, and the fix that is offered."""

from __future__ import annotations

from typing import Any

import pytest
from factories import app, known, machine, make, running, unit, unix
from shown import BLIND

from doctor.apps.topology import App, PeerState, Route
from doctor.cause import Cause
from doctor.edits.preview import FixPreview, preview
from doctor.engine.finding import Finding
from doctor.engine.judge import Outcome, Result, judge
from doctor.engine.load import load_rule, rules_directory
from doctor.facts.edit import Edit
from doctor.facts.value import Known, Origin, Place, Unknown
from doctor.servers.gunicorn import Gunicorn
from doctor.servers.gunicorn.model import Settings
from doctor.servers.nginx.model import Location, Peer, Server
from doctor.sources.process import Process

RULES = {
    name: load_rule(rules_directory() / layer / f"{name}.yaml")
    for layer, name in (("gunicorn", "single-worker"), ("socket", "upstream-bind-mismatch"))
}


def result(name: str, subject: App) -> Result:
    [only] = judge((RULES[name],), machine(subject)).results
    return only


def workers(count: Any = 1, *, live: bool = True, name: str = "shop.service", **given: Any) -> Gunicorn:
    configured = given.pop("configured", Known(count, (Place(note="default of gunicorn 27.0.1"),), Origin.DEFAULT))
    settings = make(Settings, **{"worker_class": "sync", "workers": configured} | given)
    master = {"master": make(Process, pid=122), "worker_count": count} if live else {}
    return make(Gunicorn, name=name, settings=settings, changing=False, **master)


def shop(*gunicorns: Gunicorn) -> App:
    return app(units=(unit(),), gunicorns=gunicorns)


@pytest.mark.parametrize(
    ("gunicorns", "outcome"),
    [
        ((workers(1),), Outcome.FAIL),
        ((workers(2),), Outcome.PASS),
        ((workers(0),), Outcome.PASS),
        ((workers(1, live=False),), Outcome.FAIL),
        ((workers(2, live=False),), Outcome.PASS),
        ((workers(1, configured=4),), Outcome.FAIL),
        ((workers(3, configured=1),), Outcome.PASS),
        ((workers(1, worker_class="gthread"),), Outcome.NOT_APPLICABLE),
        ((workers(1), workers(1, name="shop@2.service")), Outcome.NOT_APPLICABLE),
        ((workers(Unknown("no permission", Cause.AMBIGUOUS)),), Outcome.UNKNOWN),
        ((workers(1, live=False, configured=Unknown("cpu_count()", Cause.AMBIGUOUS)),), Outcome.UNKNOWN),
        ((), Outcome.NOT_APPLICABLE),
    ],
)
def test_single_worker(gunicorns: tuple[Gunicorn, ...], outcome: Outcome) -> None:
    assert result("single-worker", shop(*gunicorns)).outcome is outcome


def finding(name: str, subject: App) -> Finding:
    found = result(name, subject).finding
    assert found is not None
    return found


def previews(found: Finding) -> list[FixPreview]:
    return [preview(fix, BLIND) for fix in found.fixes]


def test_single_worker_offers_the_fix_that_would_work() -> None:
    by_default = finding("single-worker", shop(workers(1)))
    [fix] = previews(by_default)
    assert fix.commands == ("systemctl daemon-reload", "systemctl restart shop.service")
    assert "+Environment=WEB_CONCURRENCY=2\n" in fix.diff

    written = finding("single-worker", shop(workers(1, configured=known(1, "/etc/systemd/system/shop.service", 13))))
    [bound] = written.fixes
    assert "/etc/systemd/system/shop.service:13" in bound.steps[0]


HELD, ELSEWHERE = unix("/run/shop/gunicorn.sock"), unix("/run/gunicorn/shop.sock")
EDIT = Edit(
    "/etc/nginx/sites-available/shop",
    2,
    "    server unix:/run/gunicorn/shop.sock;",
    "    server unix:/run/shop/gunicorn.sock;",
)


def routed(state: Any, *, to: Any = ELSEWHERE, edit: Edit | None = EDIT, live: bool = True) -> App:
    peer = make(
        Peer,
        address=known(to, "/etc/nginx/sites-available/shop", 2, EDIT.before),
        place=Place("/etc/nginx/sites-available/shop", 2),
    )
    server = make(Server, names=("shop.test",))
    route = make(
        Route,
        server=server,
        location=make(Location, pattern="/"),
        peer=peer,
        state=state,
        configured=to == HELD,
        **({"edit_to_app": edit} if edit else {}),
    )
    gunicorn = (
        running(settings=make(Settings, bind=(HELD,)))
        if live
        else make(Gunicorn, settings=make(Settings, bind=(HELD,)))
    )
    return app(routes=(route,), gunicorns=(gunicorn,), binds=(HELD,), listening=live)


@pytest.mark.parametrize(
    ("subject", "outcome"),
    [
        (routed(PeerState.NOBODY), Outcome.FAIL),
        (routed(PeerState.NOBODY, edit=None), Outcome.FAIL),
        (routed(PeerState.NOBODY, live=False), Outcome.FAIL),
        (routed(PeerState.NOBODY, live=False, edit=None), Outcome.FAIL),
        (routed(PeerState.NOBODY, to=HELD, edit=None), Outcome.PASS),
        (routed(PeerState.OURS, to=HELD, edit=None), Outcome.PASS),
        (routed(PeerState.STRANGER), Outcome.PASS),
        (routed(PeerState.REMOTE, edit=None), Outcome.PASS),
        (routed(Unknown("the address is a variable", Cause.RUN_TIME)), Outcome.UNKNOWN),
    ],
)
def test_upstream_bind_mismatch(subject: App, outcome: Outcome) -> None:
    assert result("upstream-bind-mismatch", subject).outcome is outcome


def test_upstream_bind_mismatch_says_both_addresses_and_corrects_nginx() -> None:
    found = finding("upstream-bind-mismatch", routed(PeerState.NOBODY))
    assert found.message == (
        "Nginx sends shop.test / to unix:/run/gunicorn/shop.sock, where nobody listens; "
        "Gunicorn (shop) listens on unix:/run/shop/gunicorn.sock."
    )
    assert found.evidence[0].places[0] == Place("/etc/nginx/sites-available/shop", 2, text=EDIT.before)
    [fix] = previews(found)
    assert fix.diff.endswith(f"@@ -2 +2 @@\n-{EDIT.before}\n+{EDIT.after}\n")
    assert fix.commands == ("nginx -t && systemctl reload nginx",)

    [by_hand] = finding("upstream-bind-mismatch", routed(PeerState.NOBODY, edit=None)).fixes
    assert by_hand.steps == (
        "Put one of unix:/run/shop/gunicorn.sock in the place of unix:/run/gunicorn/shop.sock "
        "at /etc/nginx/sites-available/shop:2.",
    )
