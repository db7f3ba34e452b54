"""What a repository holds that no rule can judge yet: named, so that nobody takes silence for health."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from doctor.apps.topology import App
from doctor.cause import Cause
from doctor.facts.coverage import NotJudged
from doctor.facts.value import ABSENT, Known, Unknown
from doctor.grammar.gaps import marked, names
from doctor.hosts.base import Content, DocumentKind, Host, TextKind, Unseen
from doctor.hosts.repository import Repository

_ELSEWHERE = "not in this folder, nor in the repository around it"
_NO_RULES = "no rules for it yet"


_UNITS = frozenset((DocumentKind.UNIT, DocumentKind.SOCKET, DocumentKind.DROPIN))


def _left_open(host: Host, path: str) -> tuple[str, ...]:
    """What a unit file leaves to whoever renders it."""
    content = host.read(path, TextKind.UNIT)
    return names(marked(content.text) or "") if isinstance(content, Content) else ()


def left_out(host: Repository, apps: Iterable[App]) -> Iterator[NotJudged]:
    """What units name and no folder that can be looked at holds: Gunicorn's settings, the code."""
    for app in apps:
        for gunicorn in app.gunicorns:
            config = gunicorn.settings.config_file
            if isinstance(config, Known) and _is_elsewhere(host, config.value):
                yield NotJudged(config.value, "gunicorn", _ELSEWHERE)
        wsgi_app = app.gunicorn.value.settings.wsgi_app if isinstance(app.gunicorn, Known) else ABSENT
        entry = app.code.entry
        unseen = entry.meets(lambda it: _is_elsewhere(host, it.file))
        told = isinstance(app.code.entry_problem, Known)
        if isinstance(wsgi_app, Known) and (isinstance(entry, Unknown) or unseen) and not told:
            yield NotJudged(f"{wsgi_app.value} ({app.name})", "code", _ELSEWHERE)


def _is_elsewhere(host: Repository, path: str) -> bool:
    answer = host.outline(path)
    return isinstance(answer, Unseen) and answer.cause is Cause.OUTSIDE


def unjudged(host: Host) -> Iterator[NotJudged]:
    """Files that were recognised, and files that could not be read for what they are called."""
    for document in host.documents():
        if document.deploys or document.kind is DocumentKind.TEMPLATE:
            needs_rendering = document.kind is DocumentKind.TEMPLATE
            reason = "it needs rendering first" if needs_rendering else _NO_RULES
            yield NotJudged(document.path, document.kind.value, reason)
        elif document.kind in _UNITS and (left_open := _left_open(host, document.path)):
            yield NotJudged(document.path, DocumentKind.TEMPLATE.value, f"filled in later: {', '.join(left_open)}")
    if isinstance(host, Repository):
        for skipped in host.skipped():
            yield NotJudged(skipped.path, "file", skipped.reason)
