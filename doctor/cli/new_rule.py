"""`flaskdoctor rules new`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from doctor.errors import UserError


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is to be called, such as single-worker.")],
    folder: Annotated[
        str | None,
        typer.Option(
            "--in",
            metavar="DIR",
            help="A folder of your own rules. Default: the checkout of flaskdoctor around the working directory.",
            show_default=False,
        ),
    ] = None,
    layer: Annotated[str, typer.Option(metavar="LAYER", help="Where the fault lies: nginx, socket, app …")] = "app",
    severity: Annotated[str, typer.Option(metavar="SEVERITY", help="error, warning or info.")] = "warning",
    subject: Annotated[str, typer.Option(metavar="SUBJECT", help="What is judged: app, unit, route …")] = "app",
) -> None:
    """Begin a rule: a file that loads, with TODOs.

    In a checkout also its proof and its recipe. Nothing is ever overwritten.
    """
    from doctor.cli.options import given
    from doctor.engine import skeleton
    from doctor.engine.rule import LAYERS, Severity
    from doctor.engine.subjects import SUBJECTS

    _check_choice(layer, "--layer", LAYERS)
    _check_choice(severity, "--severity", (each.value for each in Severity))
    _check_choice(subject, "--subject", SUBJECTS)
    own = given(folder, "--in")
    base = Path(own) if own else _checkout()
    taken = _taken(base if own else base / "rules")
    _check_name(name, taken)
    begun = skeleton.Beginning(skeleton.next_id(layer, taken.values(), own=bool(own)), name, layer, severity, subject)
    files = {(base if own else base / "rules") / layer / f"{name}.yaml": skeleton.rule(begun)}
    if not own:
        proofs = base / "fixtures" / name
        files |= {proofs / f"{name}.test.yaml": skeleton.proof(begun), proofs / "recipe.py": skeleton.recipe(begun)}
    _write(files)
    _tell(begun.id, files, own)


def _check_choice(word: str, option: str, choices: Iterable[str]) -> None:
    from doctor.engine.suggest import did_you_mean

    known = tuple(choices)
    if word not in known:
        near = did_you_mean(word, known)
        hint = f"{near[:1].upper()}{near[1:]}{'' if near.endswith('?') else '.'}" if near else ""
        raise UserError(f"{word!r} cannot be chosen", option, hint or f"One of {', '.join(known)}.")


def _checkout() -> Path:
    """The checkout that the working directory lies in. Raises UserError."""
    here = Path(os.path.abspath("."))
    for folder in (here, *here.parents):
        if all((folder / part).is_dir() for part in ("rules", "fixtures", "doctor/engine")):
            return folder
    raise UserError(
        "the working directory is no checkout of flaskdoctor", str(here), "Name a folder of your own rules: --in DIR."
    )


def _taken(folder: Path) -> dict[str, str]:
    """Names of rules to their ids: of the catalogue, and of the folder."""
    from doctor.engine.catalogue import catalogue
    from doctor.engine.directory import rule_files
    from doctor.engine.load import load_rule

    found = {rule.name: rule.id for rule in catalogue()}
    for path in rule_files(folder):
        if path.stem not in found:
            found[path.stem] = load_rule(path).id
    return found


def _check_name(name: str, taken: Mapping[str, str]) -> None:
    from doctor.engine.shape import NAME

    if not re.fullmatch(NAME, name) or name in ("new", "why"):
        raise UserError(f"{name!r} cannot name a rule", "", "Write it in kebab case, such as single-worker.")
    if name in taken:
        raise UserError(f"{taken[name]} is called so already", name, "Choose another name.")


def _write(files: dict[Path, str]) -> None:
    """All of them or none. Raises UserError."""
    there = [path for path in files if os.path.lexists(path)]
    if there:
        raise UserError("nothing is overwritten", str(there[0]), "Take it away, or choose another name.")
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UserError(f"cannot write ({reason})", str(path), "Name a folder that you may write to.") from error


def _tell(identity: str, files: Iterable[Path], own: str) -> None:
    from doctor.cli.output import emit_lines
    from doctor.reports.layout import line

    after = f"Then: flaskdoctor check --rules {own}" if own else "Then: pytest tests/proofs, and CONTRIBUTING.md."
    emit_lines(line((text, "")) for text in (f"{identity} begins in", *(f"   {path}" for path in files), after))
