"""The way of the data: host → facts → judgement → diagnosis → report. The way back, to the machine, is `apply`."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from doctor.errors import UserError
from doctor.frozen import frozen

if TYPE_CHECKING:
    from doctor.apps.topology import Facts
    from doctor.engine.rule import Rule
    from doctor.examination import Examination
    from doctor.hosts.base import Host
    from doctor.hosts.recording import RecordingHost
    from doctor.hosts.snapshotfile import SnapshotError
    from doctor.reports.model import AppliedFixReport, ProbeReport, Report

DEMO = Path(__file__).parent / "_data" / "demo.snapshot.json"
"""The recorded broken machine of `check --demo`."""
_RECORDINGS = (".json", ".json.gz")


@frozen
class Options:
    """What to examine, by which rules. `since` in seconds; `min_severity` is error, warning or info.

    `rules`: folders with more rules than those of the catalogue.
    """

    targets: tuple[str, ...] = ()
    demo: bool = False
    root: str = ""
    rules: tuple[str, ...] = ()
    app: str = ""
    since: float | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    min_severity: str = "info"
    probe: bool = False


def check(options: Options) -> Report:
    """Examine the target and report. Raises UserError for what the caller can mend."""
    host = open_host(options)
    if not (options.targets or options.demo or options.root):
        _ask_ahead(host)
    return report(examine(options, host), options)


def examine(options: Options, host: Host) -> Examination:
    """Examination once, judge and conclude."""
    from doctor.apps import collect
    from doctor.parallel import begin

    looking = begin(lambda: collect.collect_facts(host, collect.Options(since=options.since, app=options.app)))
    # While the machine is looked at, which is mostly waiting for it, all that comes after is made ready.
    from doctor.engine.diagnosis import diagnose
    from doctor.engine.judge import judge, narrowed
    from doctor.engine.rule import Severity
    from doctor.engine.select import causes
    from doctor.examination import Examination

    everything = every_rule(options.rules)
    rules = _selected(everything, options)
    asked = {rule.id for rule in (*rules, *causes(everything, rules, options.ignore))}
    facts = looking.result()
    if options.app and not (facts.apps or facts.broken):
        raise _no_such_app(options.app, host)
    judgement = judge([rule for rule in everything if rule.id in asked], facts)
    judgement = narrowed(judgement, rules, len(everything))
    least = Severity(options.min_severity).rank
    shown = [finding for finding in judgement.findings if finding.severity.rank <= least]
    return Examination(host, facts, judgement, diagnose(shown))


def facts(options: Options) -> Facts:
    """Everything that is seen of the target. Raises UserError for what the caller can mend."""
    from doctor.apps import collect

    return collect.collect_facts(open_host(options), collect.Options(since=options.since, app=options.app))


def chosen(options: Options) -> tuple[Rule, ...]:
    """The rules that the options ask for."""
    return _selected(every_rule(options.rules), options)


def every_rule(folders: Sequence[str] = ()) -> tuple[Rule, ...]:
    """The catalogue, and the rules in these folders. Raises UserError, of which `RuleError` is one."""
    from doctor.engine.catalogue import catalogue

    if not folders:
        return catalogue()
    from doctor.engine.own import with_own

    return with_own(catalogue(), folders)


def _selected(rules: Sequence[Rule], options: Options) -> tuple[Rule, ...]:
    from doctor.engine.select import select

    return select(rules, options.select, options.ignore, options.extend_select)


def report(seen: Examination, options: Options, fixes: Sequence[AppliedFixReport] = ()) -> Report:
    """The report of an examination, with what was fixed before it."""
    from doctor.engine.unexplained import RECENT, unexplained
    from doctor.reports.build import build

    probes = _probes(seen.facts) if options.probe else ()
    window = options.since if options.since is not None else RECENT
    failed = unexplained(seen.facts, seen.judgement.findings, window)
    return build(seen, probes, fixes, failed)


def _ask_ahead(host: Host) -> None:
    """Ask the machine what every look begins with; it answers while the collectors are imported."""
    from doctor.hosts.commands import list_units, nginx_version
    from doctor.parallel import ahead

    ahead(lambda: host.run(list_units()))
    ahead(lambda: host.run(nginx_version()))


def exit_code(report: Report, *, fail_on: str = "warning", strict: bool = False) -> int:
    """3 a rule broke, 1 findings from `fail_on` on, 4 nothing to check or (`strict`) not all judged, else 0.

    What `--min-severity` hides counts like what it shows.
    """
    from doctor.engine.rule import Severity

    if report.bugs:
        return 3
    found = report.summary
    counts = {Severity.ERROR: found.error, Severity.WARNING: found.warning, Severity.INFO: found.info}
    if fail_on != "never":
        least = Severity(fail_on).rank
        if any(count and severity.rank <= least for severity, count in counts.items()):
            return 1
    uncovered = report.unknown or report.not_judged or report.assumed or report.unexplained
    if not report.apps or (strict and uncovered):
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
    recordings = [path for path in paths if path.is_file() and _is_recording(path)]
    if recordings and len(paths) > 1:
        raise UserError(
            "a recording is examined by itself", str(recordings[0]), "Run flaskdoctor check once for each recording."
        )
    return _recording(paths[0]) if recordings else _tree(paths)


def _is_recording(path: Path) -> bool:
    """By what it is called or by what it holds: nothing else that is examined is JSON, or compressed."""
    from doctor.hosts.recognise import begins_as_recording

    return path.name.endswith(_RECORDINGS) or begins_as_recording(str(path))


def _existing(target: str) -> Path:
    """A folder or a file that can be read: one that cannot would look like one that holds nothing."""
    path = Path(target)
    advice = "Give a folder or files of configuration, a recording, or nothing for this machine."
    try:
        os.path.abspath(path)
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        what = "no such file or folder" if error.filename else "the working directory was removed, and with it"
        raise UserError(what, target, advice) from error
    except (OSError, ValueError) as error:
        raise UserError(f"cannot be read ({str(getattr(error, 'strerror', error)).lower()})", target, advice) from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise UserError("neither a file nor a folder", target, advice)
    if not os.access(path, os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else 0)):
        raise UserError("cannot be read (permission denied)", target, "Run it as somebody who may read it.")
    return path


def _folder(root: str) -> Path:
    path = _existing(root)
    if not path.is_dir():
        raise UserError("not a folder", f"--root {root}", "Name the folder that holds etc/, srv/ and so on.")
    return path


def record(since: float | None = None) -> RecordingHost:
    """Look at this machine as a check does, and remember everything that was seen."""
    from doctor.apps import collect
    from doctor.hosts.live import LiveHost
    from doctor.hosts.recording import RecordingHost

    host = RecordingHost(LiveHost())
    collect.collect_facts(host, collect.Options(since=since))
    return host


def save(recording: RecordingHost, path: str) -> None:
    """Write a recording to a file. Raises UserError."""
    from doctor.hosts.snapshotfile import SnapshotError

    try:
        recording.save(path)
    except SnapshotError as error:
        raise _unusable(error) from error


def _unusable(error: SnapshotError) -> UserError:
    return UserError(error.what, error.path, f"{error.todo[:1].upper()}{error.todo[1:]}.")


def _recording(path: Path) -> Host:
    from doctor.hosts.snapshot import SnapshotHost
    from doctor.hosts.snapshotfile import SnapshotError

    if not path.exists():
        raise UserError("this installation has no demonstration", str(path), "Reinstall flaskdoctor.")
    try:
        return SnapshotHost(str(path))
    except SnapshotError as error:
        raise _unusable(error) from error


def _tree(paths: tuple[Path, ...], root: Path | None = None) -> Host:
    from doctor.hosts.around import repository_around
    from doctor.hosts.tree import TreeHost

    if root is not None:
        return TreeHost((), str(root))
    names = tuple(map(str, paths))
    return TreeHost(names, around=repository_around(names))


def _no_such_app(name: str, host: Host) -> UserError:
    from doctor.apps.collect import collect_facts

    found = ", ".join(app.name for app in collect_facts(host).apps)
    return UserError(f"no app is called {name!r}", f"--app {name}", f"Found: {found}." if found else "None was found.")


def _probes(facts: Facts) -> tuple[ProbeReport, ...]:
    from doctor.probe import probe

    return tuple(report for app in facts.apps for report in probe(app))
