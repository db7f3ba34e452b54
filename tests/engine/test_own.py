"""Rules of the caller's own: data, bounded, and as root only what root alone can write."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine.builders import rule_text

from doctor.engine import own, yaml
from doctor.engine.load import RuleError, load_rules
from doctor.engine.own import with_own
from doctor.errors import UserError

OURS = load_rules()
OTHER = 23001


@pytest.fixture
def folder() -> Iterator[Path]:
    """One rule, where root alone may write; /var/tmp is for everybody, but nobody takes away there what is not his."""
    base = Path(tempfile.mkdtemp(dir="/var/tmp"))
    base.chmod(0o755)
    write(base / "rules" / "gunicorn" / "own-rule.yaml", rule_text(name="own-rule"))
    try:
        yield base / "rules"
    finally:
        shutil.rmtree(base)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def names(*folders: Path) -> list[str]:
    return [rule.name for rule in with_own(OURS, map(str, folders))][len(OURS) :]


def refused(*folders: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        names(*folders)
    return caught.value


def test_they_stand_beside_ours(folder: Path) -> None:
    assert names(folder) == ["own-rule"]
    assert names(folder, folder / ".." / "rules") == ["own-rule"], "one folder named twice"
    write(folder.parent / "more" / "app" / "other.yaml", rule_text(name="other", id="APP900", explains="[own-rule]"))
    assert names(folder, folder.parent / "more") == ["other", "own-rule"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "GUN003"}, "own-rule.yaml:1:5: GUN003 is taken (by "),
        ({"expect": "app.nam == 'x'"}, "no attribute 'nam' (did you mean 'name'?)"),
        ({"explains": "[no-such-rule]"}, "no rule is named 'no-such-rule'"),
        ({"explains": "[*a]"}, "alias *a"),
        ({"title": "&a x"}, "anchor &a"),
        ({"title": "!!python/object/apply:os.system [id]"}, "tag tag:yaml.org,2002:python/object/apply:os.system"),
        ({"symptoms": "[" * 50 + "]" * 50}, "nested too deeply"),
        ({"expect": "not " * 60 + "app.service.socket_activated"}, "deep"),
        ({"expect": " or ".join(["app.service.socket_activated"] * 60)}, "long"),
        ({"title": "x" * yaml.LARGEST}, "larger than 64 KiB"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(folder: Path, changes: dict[str, str], words: str) -> None:
    write(folder / "gunicorn" / "own-rule.yaml", rule_text(name="own-rule", **changes))
    error = refused(folder)
    assert isinstance(error, RuleError)
    assert words in str(error)
    assert str(error).startswith(str(folder))


def test_a_name_of_ours(folder: Path) -> None:
    write(folder / "gunicorn" / "single-worker.yaml", rule_text(name="single-worker", id="GUN901"))
    assert "single-worker is taken" in str(refused(folder))


def test_no_fix_of_theirs_is_safe(folder: Path) -> None:
    fix = """\
    fix:
      - title: Start it
        safety: {}
        actions:
          - systemd.start: {{unit: "{{app.unit.name}}"}}
    """
    path = folder / "gunicorn" / "own-rule.yaml"
    write(path, rule_text(fix.format("safe"), name="own-rule"))
    error = refused(folder)
    assert "a fix of your own rule is not safe (safety: unsafe" in str(error)
    write(path, rule_text(fix.format("unsafe"), name="own-rule"))
    assert names(folder) == ["own-rule"]


def with_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "gunicorn" / "fifo.yaml")
    return folder


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda folder: folder / "nowhere", "no such folder: --rules "),
        (lambda folder: (folder / "empty").mkdir() or folder / "empty", "holds no rules"),
        (lambda folder: write(folder / "stray.yaml", "").parent, "lies in the folder of its layer"),
        (
            lambda folder: write(folder / "gunicron" / "x.yaml", rule_text(name="x")).parents[1],
            "'gunicron' is no layer",
        ),
        (with_pipe, "cannot be read (no regular file)"),
        (lambda folder: (folder / "gunicorn" / "d.yaml").mkdir() or folder, "cannot be read"),
    ],
)
def test_what_is_no_folder_of_rules(folder: Path, made: Callable[[Path], Path], words: str) -> None:
    assert words in str(refused(made(folder)))


def test_there_may_not_be_too_many(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "MOST", 1)
    assert names(folder) == ["own-rule"]
    write(folder / "gunicorn" / "other.yaml", rule_text(name="other", id="GUN901"))
    assert "holds more than 1 files" in str(refused(folder))


def theirs(path: Path) -> None:
    os.chown(path, OTHER, OTHER)


def of_a_group(path: Path) -> None:
    os.chown(path, 0, OTHER)
    path.chmod(path.stat().st_mode | 0o020)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused")
@pytest.mark.parametrize("of", ["..", ".", "gunicorn", "gunicorn/own-rule.yaml", "_cures/shared.yaml"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (theirs, f"user {OTHER} may change"),
        (lambda path: path.chmod(path.stat().st_mode | 0o002), "everybody may change"),
        (of_a_group, f"group {OTHER} may change"),
    ],
)
def test_root_goes_by_no_rule_that_others_write(
    folder: Path, of: str, change: Callable[[Path], object], words: str
) -> None:
    write(folder / "_cures" / "shared.yaml", "[]")
    assert names(folder) == ["own-rule"]
    change(folder / of)
    error = refused(folder)
    assert words in str(error)
    assert error.where.startswith(str(folder))
    os.seteuid(OTHER)  # who goes by nobody's rights but his own
    try:
        assert names(folder) == ["own-rule"]
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused")
@pytest.mark.parametrize("of", ["gunicorn/own-rule.yaml", "gunicorn"])
def test_root_follows_no_link_out_of_the_folder(folder: Path, of: str) -> None:
    path = folder / of
    path.rename(folder.parent / "elsewhere")
    path.symlink_to(folder.parent / "elsewhere")
    assert "a link leads out of the folder" in str(refused(folder))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused")
def test_a_link_within_the_folder_is_fine(folder: Path) -> None:
    (folder / "gunicorn" / "own-rule.yaml").rename(folder / "data")
    (folder / "gunicorn" / "own-rule.yaml").symlink_to("../data")
    assert names(folder) == ["own-rule"]
