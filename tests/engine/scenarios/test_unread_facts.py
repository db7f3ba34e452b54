"""A fact that nobody asks is taken away, or named here with the rule that will ask it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from doctor.engine import unexplained
from doctor.engine.dictionary import groups

ROOT = Path(__file__).parents[3]

PLANNED = {
    "Unit.restart_delay": "restart-policy-missing",
    "Unit.exec_stop": "bad-kill-settings",
    "Unit.oom_policy": "oompolicy-stop",
    "Unit.protect_system": "sandbox-blocks-app",
    "Unit.read_write_paths": "sandbox-blocks-app",
    "UnitLog.read_only": "sandbox-blocks-app",
    "Unit.control_group": "worker-oom-killed",
    "Unit.wanted_by": "unit-not-enabled",
    "Gunicorn.other_children": "usr2-under-systemd",
    "UnitLog.reloads": "logrotate-sends-hup",
    "UnitLog.control_server_error": "control-socket-errors",
    "UnitLog.refused_requests": "gunicorn-strict-parser",
    "UnitLog.stop_killed": "stop-timeout-shorter-than-drain",
    "UnitLog.ignored_variables": "envfile-syntax",
    "UnitLog.fork_unsafe": "preload-fork-unsafe",
    "UnitLog.development_server": "dev-server-in-production",
    "NginxLog.not_a_directory": "upstream-bind-mismatch",
    "Process.exe_deleted": "gunicorn-upgraded-old-master",
    "Shadowed.winner": "gunicorn-config-shadowed",
    "Settings.proxy_protocol": "upstream-protocol-mismatch",
    "Listen.proxy_protocol": "upstream-protocol-mismatch",
    "Settings.forwarded_allow_ips": "forwarded-headers-rejected",
    "Location.try_files": "static-path-mismatch",
    "Machine.boot_time": "run-subdir-lost",
    "Machine.container": "docker-engine-down",
}
"""The name of the rule, by field."""


def _read() -> set[str]:
    """Names that the program reads of anything, that rules ask, and that the last line of defence looks through."""
    names = {sign.fact for table in vars(unexplained).values() if isinstance(table, tuple) for sign in _signs(table)}
    for path in ROOT.glob("doctor/**/*.py"):
        names.update(_attributes(ast.parse(path.read_text())))
    for path in ROOT.glob("rules/**/*.yaml"):
        names.update(re.findall(r"\.(\w+)", path.read_text()))
    return names


def _signs(table: tuple[object, ...]) -> Iterator[unexplained._Sign]:
    for each in table:
        if isinstance(each, unexplained._Sign):
            yield each
        elif isinstance(each, tuple):
            yield from _signs(each)


def _attributes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif isinstance(node, ast.MatchClass):
            yield from node.kwd_attrs


def test_every_fact_is_asked_or_will_be() -> None:
    read = _read()
    unread = {
        f"{group.cls.__name__}.{item.name}" for group in groups() for item in fields(group.cls) if item.name not in read
    }
    assert not unread - PLANNED.keys(), "take it away, or say which rule will ask it"
    assert not PLANNED.keys() - unread, "it is asked now, or gone: take it off the table"
