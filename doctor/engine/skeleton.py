"""What a new rule begins as: a file that loads, a proof that can fail, and a recipe. Text only."""

from __future__ import annotations

from collections.abc import Iterable

from doctor.engine.directory import OWN_IDS
from doctor.engine.rule import LAYERS
from doctor.engine.subjects import SUBJECTS
from doctor.frozen import frozen

_HOPS = {
    "nginx": "location", "socket": "socket", "systemd": "unit", "gunicorn": "master", "release": "release",
    "app": "code", "environment": "environment", "static": "static", "container": "unit", "migration": "code",
    "deploy": "release", "host": "unit",
}  # fmt: skip
"""The link that a fault of this layer usually breaks."""

_TESTED = {
    "host": "host.name", "app": "app.name", "unit": "unit.name", "gunicorn": "gunicorn.name",
    "location": "location.pattern", "route": "route.peer.host", "static": "static.url", "server": "server.names",
    "site": "site.path", "file": "file.message",
}  # fmt: skip
"""For each subject a fact that a first condition can be about."""


@frozen
class Beginning:
    """What the author has decided."""

    id: str
    name: str
    layer: str
    severity: str
    subject: str


def next_id(layer: str, taken: Iterable[str], *, own: bool) -> str:
    """The id after the last of the layer; `own`: of a rule that is not for the catalogue."""
    prefix = LAYERS[layer]
    numbers = [int(each[3:]) for each in taken if each.startswith(prefix)]
    of_ours = [number for number in numbers if (number >= OWN_IDS) == own]
    return f"{prefix}{max(of_ours, default=OWN_IDS - 1 if own else 0) + 1:03}"


def rule(new: Beginning) -> str:
    """The rule file."""
    fact = _TESTED[new.subject]
    hop = f"hop: {_HOPS[new.layer]}\n" if SUBJECTS[new.subject].of_app else ""
    return _RULE.format(new=new, hop=hop, fault=_fault(new.subject), fact=fact)


def proof(new: Beginning) -> str:
    """The facts of which the rule speaks, and of which it is silent."""
    many = new.subject == "server"
    return _PROOF.format(
        new=new, fact=_TESTED[new.subject], broken="[TODO]" if many else "TODO", fine="[fine]" if many else "fine"
    )


def recipe(new: Beginning) -> str:
    """How the lab breaks a machine, and cures it."""
    return _RECIPE.format(new=new)


def _fault(subject: str) -> str:
    fact = _TESTED[subject]
    return f"'TODO' in {fact}" if subject == "server" else f"{fact} == 'TODO'"


_RULE = """\
# Every TODO is for you: docs/rules-language.md has the language, `flaskdoctor facts` what can be asked,
# `flaskdoctor rules why {new.name} TARGET` what it says of a folder or recording.
id: {new.id}
name: {new.name}
title: "TODO: the fault in one line"
symptoms: ["502"] # TODO
severity: {new.severity}
confidence: medium
subject: {new.subject}
{hop}fault: "{fault}" # TODO: the bad state
evidence: [{fact}]
message: "TODO: what is wrong with {{{fact}}}."
why: |
  TODO: the mechanism, in a few sentences.
fix:
  - title: "TODO: what to do, as an order"
    safety: manual
    steps: ["TODO"]
sources:
  - title: "TODO: the page that documents it"
    url: https://example.org/
"""

_PROOF = """\
# TODO: state the facts of a real fault, and of what only looks like it.
- about: broken
  facts: {{{fact}: {broken}}}
  says: fail
  severity: {new.severity}
  message: "TODO: what is wrong with TODO."
- about: lookalike-fine
  facts: {{{fact}: {fine}}}
  says: pass
"""

_RECIPE = '''\
"""TODO: what people do that breaks it, in one line."""

from lab import shapes
from lab.recipe import Fault, LookAlike, answers, nothing

broken = Fault(
    "broken",
    shapes.unix,
    break_it=nothing,  # TODO: break it the way people do
    symptom=answers(502),  # TODO: what is seen then
    cure=nothing,  # TODO
)

FAULTS = (broken,)
# TODO: what looks the same and is fine.
LOOKALIKES = (LookAlike("fine", shapes.unix, nothing),)
'''
