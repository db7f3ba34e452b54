"""Rules of the caller's own, beside the catalogue: which files they are, and whether root may go by them.

They are data, and the fixes they offer are made of the same actions as ours. Yet who writes them decides what a report
says, and what `--fix --unsafe-fixes` does: as root only files count that root alone can write.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from doctor.engine.directory import CURES, rule_files
from doctor.engine.load import load_own
from doctor.engine.rule import Rule
from doctor.errors import UserError
from doctor.grammar.paths import is_below
from doctor.hosts.credentials import NOBODY, Reader
from doctor.hosts.holders import writer_of

MOST = 300
"""Files in one folder."""


def with_own(ours: Sequence[Rule], folders: Iterable[str]) -> tuple[Rule, ...]:
    """The rules of the catalogue, then those in the folders. Raises UserError, of which `RuleError` is one."""
    return (*ours, *load_own([file for folder in _distinct(folders) for file in _files(folder)], ours))


def _distinct(folders: Iterable[str]) -> list[str]:
    return list({os.path.realpath(folder): folder for folder in folders}.values())


def _files(folder: str) -> tuple[Path, ...]:
    """The rule files of a folder, `<layer>/<name>.yaml`, after everything that is read of it was looked at."""
    path, option = Path(folder), f"--rules {folder}"
    if not path.is_dir():
        raise UserError("no such folder", option, "Name a folder that holds rules as <layer>/<name>.yaml.")
    files = rule_files(path)
    stray = sorted(path.glob("*.yaml"))
    if stray:
        raise UserError(
            "a rule lies in the folder of its layer", str(stray[0]), "Move it, such as to gunicorn/ or app/."
        )
    if not files:
        raise UserError(
            "holds no rules", option, "A rule is a file <layer>/<name>.yaml, such as gunicorn/my-rule.yaml."
        )
    cures = sorted((path / CURES).glob("*.yaml"))
    if len(files) + len(cures) > MOST:
        raise UserError(f"holds more than {MOST} files", option, "Name the folder that holds the rules alone.")
    if os.geteuid() == 0:
        for each in dict.fromkeys((path, *(file.parent for file in (*files, *cures)), *files, *cures)):
            _check_hands(each, path)
    return files


def _check_hands(path: Path, folder: Path) -> None:
    """UserError where somebody other than root decides what stands there."""
    if not is_below(os.path.realpath(path), os.path.realpath(folder)):
        raise UserError("a link leads out of the folder of rules", str(path), "Put what it leads to in its place.")
    other = writer_of(str(path))
    if other is not None:
        raise UserError(
            f"{_who(other)} may change rules that root would go by",
            str(path),
            "Keep them where root alone may write, such as /etc/flaskdoctor/rules, and all folders above too.",
        )


def _who(other: Reader) -> str:
    if other == NOBODY:
        return "everybody"
    return f"user {other.uid}" if other.uid != NOBODY.uid else f"group {other.gid}"
