"""How an app is started is worked out once, whoever asks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from lab import recording

from doctor.apps.collect import collect_facts
from doctor.hosts.snapshot import SnapshotHost
from doctor.servers.gunicorn import layers, plan, start


@pytest.mark.parametrize("shape", ["unix", "shell_exec", "template_instances"])
def test_each_step_is_taken_once(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()

    def counted(module: Any, name: str) -> None:
        real = getattr(module, name)

        def call(*arguments: Any, **named: Any) -> Any:
            asked[name] += 1
            return real(*arguments, **named)

        monkeypatch.setattr(module, name, call)

    for module, name in ((plan, "start_environment"), (plan, "plan"), (start, "compute"), (layers, "load")):
        counted(module, name)
    (path,) = (p for p in recording.saved() if p.parent == recording.HEALTHY and recording.name_of(p) == shape)
    with recording.opened(path) as name:
        facts = collect_facts(SnapshotHost(name))
    units, gunicorns = len(facts.systemd.units), sum(len(app.gunicorns) for app in facts.apps)
    assert gunicorns
    assert asked == {"start_environment": units, "plan": units, "compute": gunicorns, "load": gunicorns}
