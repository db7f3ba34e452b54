"""Which files are the change, and which rules they are about."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.change import BASE, changed_files, fact_folders, groups_of

RULES = frozenset({"missing-env-var", "nginx-down"})
FOLDERS = {"doctor/nginx": {"nginx-down"}}


@pytest.mark.parametrize(
    ("path", "groups"),
    [
        ("rules/nginx/nginx-down.yaml", {"nginx-down"}),
        ("fixtures/missing-env-var/recipe.py", {"missing-env-var"}),
        ("fixtures/missing-env-var/own-words.snapshot.json", {"missing-env-var"}),
        ("fixtures/healthy/unix.snapshot.json", set()),
        ("doctor/nginx/parse.py", {"nginx-down"}),
        ("doctor/engine/judge.py", set()),
        ("tests/lab/test_chaos.py", {"test_chaos"}),
        ("tests/lab/shapes.py", set()),
        ("README.md", set()),
    ],
)
def test_what_a_file_is_about(path: str, groups: set[str]) -> None:
    assert groups_of(path, RULES, FOLDERS) == groups


def test_every_rule_asks_facts_of_some_folder() -> None:
    folders = fact_folders()
    asked = set().union(*folders.values())
    assert {"nginx-down", "missing-env-var"} <= asked
    narrow = [folder for folder, rules in folders.items() if len(rules) < len(asked) / 2]
    assert narrow, "no folder tells one rule from another"


class Repository:
    """Commits a file each at a time that is given in hours."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, hours: int = 0) -> str:
        date = f"{1_700_000_000 + hours * 3600} +0000"
        who = {f"GIT_{role}_{key}": "tests" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        when = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        alone = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            ("git", *arguments), cwd=self.root, env={**alone, **who, **when}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, name: str, hours: int) -> str:
        (self.root / name).write_text(name)
        self.git("add", name)
        self.git("commit", "--quiet", "--message", name, hours=hours)
        return self.git("rev-parse", "HEAD")


def changed(repository: Repository) -> set[str]:
    return set(changed_files(repository.root) or ())


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.delenv(BASE, raising=False)
    return Repository(tmp_path)


def test_the_day_before_the_last_commit(repository: Repository) -> None:
    repository.commit("old", 0)
    repository.commit("within", 10)
    repository.commit("last", 30)
    assert changed(repository) == {"within", "last"}


def test_what_is_not_committed_belongs_to_it(repository: Repository) -> None:
    repository.commit("old", 0)
    repository.commit("last", 30)
    (repository.root / "old").write_text("changed")
    (repository.root / "new").write_text("new")
    assert changed(repository) == {"old", "last", "new"}


def test_where_the_branch_left_its_upstream(repository: Repository) -> None:
    repository.commit("old", 0)
    repository.git("checkout", "--quiet", "-b", "work")
    repository.git("branch", "--set-upstream-to=main")
    repository.commit("mine", 1)
    assert changed(repository) == {"mine"}


def test_an_upstream_that_is_no_further_says_nothing(repository: Repository) -> None:
    repository.commit("old", 0)
    repository.commit("last", 30)
    repository.git("checkout", "--quiet", "-b", "work")
    repository.git("branch", "--set-upstream-to=main")
    assert changed(repository) == {"last"}


def test_a_base_that_is_named(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    first = repository.commit("old", 0)
    repository.commit("second", 100)
    repository.commit("last", 200)
    monkeypatch.setenv(BASE, first)
    assert changed(repository) == {"second", "last"}
    monkeypatch.setenv(BASE, "nowhere")
    with pytest.raises(ValueError, match="no commit"):
        changed_files(repository.root)


def test_without_git_nobody_can_tell(tmp_path: Path) -> None:
    assert changed_files(tmp_path) is None


def test_a_repository_of_less_than_a_day_is_all_new(repository: Repository) -> None:
    repository.commit("old", 0)
    repository.commit("last", 10)
    assert changed_files(repository.root) is None
