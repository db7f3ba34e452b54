"""The typed facts about releases."""

from __future__ import annotations

from doctor.facts.value import Fact
from doctor.frozen import frozen


@frozen
class Release:
    """Where an app's code lies and how it got there. Times in seconds since the epoch."""

    link: Fact[str]
    """The link releases are switched by (/srv/shop/current), on the way to the code; Absent: no link is on the way."""
    link_target: Fact[str]
    """What it points to now, physical; Absent when that does not exist."""
    link_switched: Fact[float]
    """When the link itself was last written."""
    link_inside_release: Fact[str]
    """A link in the current release that points to a sibling: `ln -s new current` without -n."""
    bypassed_link: Fact[str]
    """A link that points to another release than the one the configuration names outright; Absent otherwise."""
    folder: Fact[str]
    """The releases folder; Absent without one."""
    entries: Fact[tuple[str, ...]]
    """Names in the releases folder, newest first."""
    newest: Fact[str]
    """The newest release, physical path."""
    unswitched: Fact[str]
    """The newest release when it came after the link was last written and the link does not point to it: nobody
    switched. Absent otherwise, so for a roll-back too; Unknown while it may still be deployed."""
    running: Fact[str]
    """The physical directory the workers run in; with several, that of the oldest worker. Where the code is found by
    way of a link on the search path, the release that leads to; Unknown where that was switched."""
    running_deleted: Fact[bool]
    """The directory that the workers run in was removed, from /proc/PID/cwd."""
    configured: Fact[str]
    """The physical directory the next start would run in; Absent when it does not exist."""
    replaced: Fact[str]
    """`configured`, where it took the name of the directory the workers run in, which was renamed; Absent otherwise."""
    behind_link: Fact[str]
    """The release the link points to, when the workers loaded another; Absent when they agree or there is no link."""
    reloaded_since_switch: Fact[bool]
    """All workers started after the link was last written; those that only finish a request do not count."""
    newest_code: Fact[str]
    """The newest file of code in the running directory."""
    newest_code_time: Fact[float]
    """When `newest_code` was last modified."""
    oldest_worker: Fact[float]
    """When it started; a worker that a reload has replaced does not count."""
    newest_worker: Fact[float]
    """When the worker that started last did so."""
    master_started: Fact[float]
    """When the Gunicorn master started."""
    stale_code: Fact[str]
    """A Python file in the directory the workers run, newer than they are (with preload: than the master); Absent when
    none. Unknown when a file was replaced or had its mode changed since, with an older time of modification."""
    stale_template: Fact[str]
    """The same for a template (.html, .jinja, .jinja2, .j2)."""
    outdated_preload: Fact[str]
    """With preload: a code file or the link, when newer than the master; Absent otherwise."""
    reloaded_since_change: Fact[bool]
    """All workers started after what `outdated_preload` names changed; Absent where it names nothing."""
    mixed_workers: Fact[tuple[int, ...]]
    """Pids of workers that run newer code than others: started after a change or a switch, or in another directory;
    Absent when they agree, Unknown while they are being replaced."""
    git: Fact[bool]
    """The running directory is a git checkout."""
    git_head: Fact[str]
    """The commit that is checked out, 40 hexadecimal digits."""
    hup_follows: Fact[bool]
    """A HUP after switching the link would bring the new release (an absolute chdir, PWD, …); true without a link."""
    hup_effective: Fact[bool]
    """A HUP brings new code at all: it follows, and nothing is preloaded."""
    other_copy: Fact[str]
    """A newer copy of the same app elsewhere on the machine that nobody runs."""
    marker: Fact[str]
    """What can tell which release answers: a REVISION file, a /version route."""
