"""Rules for tests."""

from __future__ import annotations

import textwrap
from pathlib import Path

from doctor.engine.load import load_rule
from doctor.engine.rule import Rule

RULE = """\
id: GUN900
name: test-rule
title: A rule of the tests
symptoms: ["502"]
severity: warning
confidence: high
subject: app
hop: workers
expect: app.gunicorn.settings.workers >= 2
message: "{app.name} has {app.gunicorn.settings.workers} workers"
why: Because.
sources:
  - title: A page
    url: https://example.org/page
"""


def rule_text(extra: str = "", **changes: str | None) -> str:
    """RULE with lines replaced by key (None: left out), and more at its end."""
    lines = []
    for line in RULE.splitlines():
        key = line.split(":")[0]
        if key in changes:
            value = changes[key]
            if value is not None:
                lines.append(f"{key}: {value}")
        else:
            lines.append(line)
    if changes.get("sources", "") is None:
        lines = [line for line in lines if not line.startswith("  ")]
    present = {line.split(":")[0] for line in RULE.splitlines()}
    lines += [f"{key}: {value}" for key, value in changes.items() if key not in present and value is not None]
    return "\n".join(lines) + "\n" + textwrap.dedent(extra)


def rule(extra: str = "", **changes: str | None) -> Rule:
    name = changes.get("name") or "test-rule"
    return load_rule(Path(f"rules/gunicorn/{name}.yaml"), rule_text(extra, **changes))
