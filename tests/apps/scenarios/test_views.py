"""Root's own look is for what root wrote. Everything an app's files could name is asked for on its behalf."""

from __future__ import annotations

import ast
import copy
from pathlib import Path

import pytest
from lab import recording

from doctor.apps import build, collect
from doctor.facts.value import Known
from doctor.grammar.envfile import EnvFile
from doctor.grammar.outline import Outline
from doctor.hosts.base import Answer, Content, Scan, TextKind
from doctor.hosts.credentials import Reader
from doctor.hosts.snapshot import SnapshotHost

_PLACES = (
    "/etc/", "/lib/systemd/", "/proc/", "/run/log/journal/", "/run/systemd/", "/run/tmpfiles.d/",
    "/usr/lib/systemd/", "/usr/lib/tmpfiles.d/", "/usr/lib/x86_64-linux-gnu/systemd/", "/usr/local/lib/systemd/",
    "/usr/local/nginx/", "/usr/sbin/nginx/", "/var/log/journal/", "/var/log/nginx/",
)  # fmt: skip
"""The machine's own: units, nginx's configuration and logs, accounts, the kernel. No app's user writes there."""

_ROOTS_OWN = {
    "environment.compare", "logfiles.error_log", "route", "runtimedir.doomed",
    "supervision.collect",
}  # fmt: skip
"""What is given the machine as root sees it: environment files, which systemd reads as root; nginx; processes."""


class _Watched(SnapshotHost):
    """Notes every file and folder whose content is asked for as root."""

    asked: set[str]

    def lent(self, reader: Reader) -> _Watched:
        other = copy.copy(self)
        other.reader = reader
        return other

    def _note(self, path: str) -> None:
        if self.reader is None:
            self.asked.add(path)

    def read(
        self, path: str, text: TextKind = TextKind.PLAIN, *, limit: int = 1 << 20, tail: bool = False
    ) -> Content | Answer:
        self._note(path)
        return super().read(path, text, limit=limit, tail=tail)

    def env_file(self, path: str) -> EnvFile | Answer:
        self._note(path)
        return super().env_file(path)

    def outline(self, path: str) -> Outline | Answer:
        self._note(path)
        return super().outline(path)

    def list(self, path: str) -> tuple[str, ...] | Answer:
        self._note(path)
        return super().list(path)

    def scan(self, path: str, suffixes: tuple[str, ...], *, limit: int = 20_000) -> Scan | Answer:
        self._note(path)
        return super().scan(path, suffixes, limit=limit)


@pytest.mark.parametrize("path", recording.saved()[::9], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_root_reads_what_is_roots(path: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.snapshot.json"
    whole.write_text(recording.load(path))
    host = _Watched(str(whole))
    host.asked = set()
    facts = collect.collect_facts(host)
    masters = [g.master.value for app in facts.apps for g in app.gunicorns if isinstance(g.master, Known)]
    if any(master.uid.is_(0) for master in masters):
        return  # an app of root, whose files root alone may write
    named = {file.path for app in facts.apps for file in app.environment.files}
    # What a unit starts: whether it starts a Gunicorn is asked before anybody knows of an app.
    named |= {word for unit in facts.systemd.units for command in unit.exec_start.or_(()) for word in command.argv}
    assert not [each for each in host.asked - named if not f"{each}/".startswith(_PLACES)]


def test_a_new_fact_about_an_app_is_asked_for_on_its_behalf() -> None:
    """The builder gives these the host; whatever else looks, is given what the app's user may see."""
    tree = ast.parse(Path(build.__file__).read_text())
    own = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "AppBuilder")
    calls = [node for node in ast.walk(own) if isinstance(node, ast.Call)]
    given = {ast.unparse(call.func) for call in calls if _THE_HOST & set(map(ast.unparse, call.args))}
    assert {name for name in given if not name.startswith("lending.")} == _ROOTS_OWN


_THE_HOST = {"host", "self._host", "self._files", "world", "self._world"}
"""As arguments: it, or what holds it."""
