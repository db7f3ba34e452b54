"""The way of the data: host → facts → judgement → diagnosis → report."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from doctor.errors import UserError

if TYPE_CHECKING:
    from doctor.facts.topology import Facts
    from doctor.hosts.base import Host
    from doctor.hosts.snapshot import SnapshotError
    from doctor.reports.model import ProbeReport, Report

DEMO = Path(__file__).parent / "_data" / "demo.snapshot.json"
"""The recorded broken machine of `check --demo`."""
_RECORDINGS = (".json", ".json.gz")


@dataclass(frozen=True, slots=True)
class Options:
    """What to examine, by which rules. `since` in seconds; `min_severity` is error, warning or info."""

    targets: tuple[str, ...] = ()
    demo: bool = False
    root: str = ""
    app: str = ""
    since: float | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    min_severity: str = "info"
    probe: bool = False


def check(options: Options) -> Report:
    """Examine the target and report. Raises UserError for what the caller can mend."""
    from doctor.engine.diagnosis import diagnose
    from doctor.engine.judge import judge
    from doctor.engine.load import load_rules
    from doctor.engine.rule import Severity
    from doctor.engine.select import select
    from doctor.facts import gather
    from doctor.fixes.preview import preview
    from doctor.reports.build import build

    rules = select(load_rules(), options.select, options.ignore, options.extend_select)
    host = open_host(options)
    facts = gather.gather(host, gather.Options(since=options.since, app=options.app))
    if options.app and not facts.apps:
        raise _no_such_app(options.app, host)
    judgement = judge(rules, facts, preview=preview)
    least = Severity(options.min_severity).rank
    shown = [finding for finding in judgement.findings if finding.severity.rank <= least]
    return build(facts, judgement, diagnose(shown), _probes(facts) if options.probe else ())


def exit_code(report: Report, *, fail_on: str = "warning", strict: bool = False) -> int:
    """3 a rule broke, 1 findings from `fail_on` on, 4 nothing to check or (`strict`) something unknown, else 0."""
    from doctor.engine.rule import Severity

    if report.bugs:
        return 3
    if fail_on != "never":
        least = Severity(fail_on).rank
        if any(finding.severity.rank <= least for finding in report.findings):
            return 1
    if not report.apps or (strict and report.unknown):
        return 4
    return 0


def open_host(options: Options) -> Host:
    """The host that the targets name: this machine without any."""
    chosen = [bool(options.targets), options.demo, bool(options.root)]
    if sum(chosen) > 1:
        raise UserError("more than one thing to examine", "TARGET, --demo, --root", "Give only one of them.")
    if options.probe and any(chosen):
        raise UserError("--probe needs this machine", "", "Leave out TARGET, --demo and --root, or leave out --probe.")
    if options.demo:
        return _recording(DEMO)
    if options.root:
        return _tree((), _folder(options.root))
    if not options.targets:
        from doctor.hosts.live import LiveHost

        return LiveHost()
    paths = tuple(_existing(target) for target in options.targets)
    recordings = [path for path in paths if path.name.endswith(_RECORDINGS) and path.is_file()]
    if recordings and len(paths) > 1:
        raise UserError(
            "a recording is examined by itself", str(recordings[0]), "Run flaskdoctor check once for each recording."
        )
    return _recording(paths[0]) if recordings else _tree(paths)


def _existing(target: str) -> Path:
    path = Path(target)
    if not os.path.lexists(path):
        raise UserError(
            "no such file or folder",
            target,
            "Give a folder or files of configuration, a recording (*.snapshot.json), or nothing for this machine.",
        )
    return path


def _folder(root: str) -> Path:
    path = _existing(root)
    if not path.is_dir():
        raise UserError("not a folder", f"--root {root}", "Name the folder that holds etc/, srv/ and so on.")
    return path


def record(path: str, since: float | None = None) -> None:
    """Look at this machine as a check does and write the recording to `path`. Raises UserError."""
    from doctor.facts import gather
    from doctor.hosts.live import LiveHost
    from doctor.hosts.snapshot import RecordingHost, SnapshotError

    host = RecordingHost(LiveHost())
    gather.gather(host, gather.Options(since=since))
    try:
        host.save(path)
    except SnapshotError as error:
        raise _unusable(error) from error


def _unusable(error: SnapshotError) -> UserError:
    return UserError(error.what, error.path, f"{error.todo[:1].upper()}{error.todo[1:]}.")


def _recording(path: Path) -> Host:
    from doctor.hosts.snapshot import SnapshotError, SnapshotHost

    if not path.exists():
        raise UserError("this installation has no demonstration", str(path), "Reinstall flaskdoctor.")
    try:
        return SnapshotHost(str(path))
    except SnapshotError as error:
        raise _unusable(error) from error


def _tree(paths: tuple[Path, ...], root: Path | None = None) -> Host:
    from doctor.hosts.tree import TreeHost

    return TreeHost(tuple(map(str, paths)), str(root) if root is not None else None)


def _no_such_app(name: str, host: Host) -> UserError:
    from doctor.facts.gather import gather

    found = ", ".join(app.name for app in gather(host).apps)
    return UserError(f"no app is called {name!r}", f"--app {name}", f"Found: {found}." if found else "None was found.")


def _probes(facts: Facts) -> tuple[ProbeReport, ...]:
    from doctor.probe import probe

    return tuple(report for app in facts.apps for report in probe(app))
