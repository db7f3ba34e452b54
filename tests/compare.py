"""Whether two commits say the same of every recording: what a change of the inside must leave as it is.

    python tests/compare.py OLD [NEW]               # NEW: a commit, or the working tree where it is left out
    python tests/compare.py --findings OLD [NEW]    # which findings in which order, and what is unknown; no words

Both judge the recordings of the working tree. JSON reports are compared in the fields that both have, without what
counts checks (`summary`) and the program's version. Prints each difference as a unified diff and exits with 1 where
there is any.
"""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TREE = Path(__file__).resolve().parent.parent
COUNTED = ("summary", "version")

JUDGE = """
import sys
from doctor.reports.as_json import dumps
from doctor.run import Options, check
for path in sys.stdin.read().split():
    with open(path + ".report", "w") as file:
        file.write(dumps(check(Options(targets=(path,)))))
"""


def main(arguments: list[str]) -> int:
    """Compare, and print what differs; the exit status says whether anything does."""
    wordless = arguments[:1] == ["--findings"]
    arguments = arguments[wordless:]
    if len(arguments) not in (1, 2):
        print(__doc__)
        return 2
    with tempfile.TemporaryDirectory() as folder, _tree(arguments[0]) as old, _tree(*arguments[1:]) as new:
        recordings = _recordings(Path(folder))
        before, after = (_reports(tree, recordings) for tree in (old, new))
    if wordless:
        before, after = ({name: _findings(report) for name, report in each.items()} for each in (before, after))
    differing = 0
    for name in recordings:
        old_lines, new_lines = (
            _lines(_shared(*pair)) for pair in ((before[name], after[name]), (after[name], before[name]))
        )
        lines = list(difflib.unified_diff(old_lines, new_lines, name, name, n=2))
        differing += bool(lines)
        sys.stdout.writelines(lines)
    print(f"{len(recordings)} recordings, {differing} differ")
    return 1 if differing else 0


@contextmanager
def _tree(commit: str = "") -> Iterator[Path]:
    """A checkout of the commit; the working tree where none is named."""
    if not commit:
        yield TREE
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "archive", commit, "doctor", "rules"], cwd=TREE, capture_output=True, check=True
        )
        subprocess.run(["tar", "--extract", "--directory", folder], input=archive.stdout, check=True)
        yield Path(folder)


def _recordings(folder: Path) -> dict[str, Path]:
    """Every recording as a file of its own, by its name."""
    sys.path[:0] = [str(TREE), str(TREE / "tests")]
    from lab import recording

    found: dict[str, Path] = {}
    for path in recording.saved():
        name = f"{path.parent.name}/{recording.name_of(path)}"
        found[name] = folder / f"{len(found)}.snapshot.json"
        found[name].write_text(recording.load(path))
    return found


def _reports(tree: Path, recordings: dict[str, Path]) -> dict[str, dict[str, Any]]:
    names = "\n".join(map(str, recordings.values()))
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", JUDGE], cwd=tree, env=environment, input=names, text=True, check=True)
    return {name: json.loads(Path(f"{path}.report").read_text()) for name, path in recordings.items()}


def _findings(report: dict[str, Any]) -> dict[str, Any]:
    """A line for each finding, with what it follows from, and one for each rule that could not tell."""
    return {
        "verdict": report["verdict"],
        "findings": [
            f"{each['rule']} {each['severity']} {each['subject']['name']} {each['explained_by']}"
            for each in report["findings"]
        ],
        "unknown": sorted({each["rule"] for each in report["unknown"]}),
    }


def _shared(report: Any, other: Any) -> Any:
    """Without the fields that the other report has not, at any depth."""
    if isinstance(report, dict) and isinstance(other, dict):
        return {key: _shared(value, other[key]) for key, value in report.items() if key in other}
    if isinstance(report, list) and isinstance(other, list) and len(report) == len(other):
        return [_shared(item, its) for item, its in zip(report, other, strict=True)]
    return report


def _lines(report: dict[str, Any]) -> list[str]:
    fields = sorted(report.keys() - set(COUNTED))
    return [f"{row}\n" for field in fields for row in json.dumps({field: report[field]}, indent=1).splitlines()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
