"""What the facts of a proof are called where people read them.

Rules name facts by attributes (`app.code.entry_problem`). A person is shown what stands at the place of a fact; only
where nothing stands there is its value shown, behind the words of this table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_INDEX = re.compile(r"\[\d+\]")

LEADS: Mapping[str, str] = {
    "active_state": "ActiveState=",
    "address": "address: ",
    "address_in_use": "",
    "addresses": "addresses: ",
    "answered_by": "who answers: ",
    "argument_error": "",
    "bind": "bind = ",
    "bind_error": "",
    "binds": "listens on: ",
    "body_limit": "client_max_body_size: ",
    "body_too_large": "requests refused as too large: ",
    "boot_blocker": "",
    "boot_error": "",
    "boot_error_place": "place of the error: ",
    "broken_script": "",
    "buffer_size": "buffer for the header, bytes: ",
    "bypassed_link": "link that is passed by: ",
    "can_reload": "can be reloaded: ",
    "certfile": "certfile = ",
    "changed_since_start": "changed since the start: ",
    "code.directory": "directory of the code: ",
    "configured": "release that is configured: ",
    "daemon": "daemon = ",
    "socket_removed_by_stop": "socket that is removed: ",
    "drop_ins": "drop-ins: ",
    "entries": "releases: ",
    "entry": "entry point: ",
    "entry_error": "",
    "entry_problem": "",
    "env_file_error": "",
    "environment.changed": "variables that changed: ",
    "environment_files": "EnvironmentFile=",
    "exec_main_status": "ExecMainStatus=",
    "exec_reload": "ExecReload=",
    "exec_start": "ExecStart=",
    "failure": "sign of the failure: ",
    "file": "",
    "folder": "folder of releases: ",
    "fragment": "unit file: ",
    "git": "Git checkout: ",
    "git_head": "Git commit: ",
    "gone": "the socket file is gone: ",
    "graceful_timeout": "graceful_timeout = ",
    "group": "group: ",
    "group_exists": "the group exists: ",
    "halts": "ends of the master: ",
    "header_too_big": "answers with a header too big: ",
    "hidden": "file that the user may not read: ",
    "blocker": "",
    "hup_follows": "a reload follows the link: ",
    "hup_then_halt": "reload after which the master ended: ",
    "hups": "reloads: ",
    "import_failure": "",
    "inodes": "sockets bound to this path: ",
    "launcher": "what starts Gunicorn: ",
    "link": "link: ",
    "link_inside_release": "link inside the release: ",
    "link_switched": "switched: ",
    "link_target": "points to: ",
    "listen_conflict": "",
    "load_state": "LoadState=",
    "location.upstream": "upstream: ",
    "logical_directory": "working directory: ",
    "long_cache": "browsers keep it: ",
    "main_file": "main file: ",
    "main_pid": "MainPID=",
    "mapping_problem": "",
    "marker": "what tells the release: ",
    "master": "process: ",
    "master_started": "started: ",
    "max_requests": "max_requests = ",
    "misread": "line that systemd reads otherwise: ",
    "not_started_at_boot": "",
    "missing.count": "connects that found no socket: ",
    "missing_build": "",
    "missing_directory": "directory that is missing: ",
    "missing_module": "module that is missing: ",
    "missing_package": "package that is missing: ",
    "missing_program": "program that is missing: ",
    "missing_required": "variables that are missing: ",
    "mixed_releases": "",
    "mixed_workers": "workers with the older code: ",
    "mode": "mode: ",
    "need_daemon_reload": "systemd has not read it: ",
    "newer_files": "changed since Nginx read it: ",
    "newest": "newest release: ",
    "newest_code": "newest file of the code: ",
    "newest_code_time": "changed: ",
    "newest_worker": "started: ",
    "nginx.unit.not_started_at_boot": "",
    "notify_refused": "",
    "obstacle": "what is in the way: ",
    "old_venv": "virtual environment of the older release: ",
    "oldest_worker": "started: ",
    "other_copy": "other copy of the app: ",
    "outdated_preload": "changed since the master loaded it: ",
    "path": "path: ",
    "peer.address": "address: ",
    "pidfile": "pidfile = ",
    "pidfile_error": "",
    "pid_file_problem": "",
    "preload": "preload_app = ",
    "private_tmp": "PrivateTmp=",
    "program": "program: ",
    "project_venv": "virtual environment of the project: ",
    "protocol": "protocol = ",
    "python": "Python: ",
    "read": "read: ",
    "read_timeout": "time to wait for an answer: ",
    "refusal": "",
    "refused": "",
    "refused.count": "connects that were refused: ",
    "reload": "reload = ",
    "reload_kind": "what a reload does: ",
    "replaced": "directory that was replaced: ",
    "restart": "Restart=",
    "restarts": "restarts: ",
    "result": "Result=",
    "running": "release that runs: ",
    "running_deleted": "the release that runs is deleted: ",
    "second_command": "second command: ",
    "shadowed": "names that another file answers: ",
    "socket_file.state": "socket file: ",
    "spawn_error": "",
    "stale_build": "",
    "stale_code": "changed since the workers loaded it: ",
    "not_serving": "",
    "start_failure": "",
    "start_limit": "",
    "start_limit_burst": "StartLimitBurst=",
    "start_limit_interval": "StartLimitIntervalSec=",
    "start_timeout": "",
    "started": "started: ",
    "state": "state: ",
    "static.directory": "directory: ",
    "static_denied": "static files that may not be read: ",
    "static_missing": "static files that were not found: ",
    "sub_state": "SubState=",
    "syntax_error": "",
    "taken": "",
    "targets": "answers: ",
    "timed_out": "requests that timed out: ",
    "timeout": "timeout = ",
    "timeout_stop": "TimeoutStopSec=",
    "triggered_by": "started by: ",
    "twin": "the other file: ",
    "type": "Type=",
    "umask": "umask = ",
    "unanswered": "addresses where nobody answers: ",
    "unit_failed": "",
    "unit_file_state": "UnitFileState=",
    "unloadable": "file that cannot be loaded: ",
    "unread": "",
    "unread_config.changed": "changed: ",
    "unsupervised": "started from: ",
    "unswitched": "release that is not switched to: ",
    "socket_dir_not_writable.path": "not writable: ",
    "upload_limit": "MAX_CONTENT_LENGTH = ",
    "user": "user: ",
    "user_exists": "the user exists: ",
    "venv": "virtual environment: ",
    "version_route": "route that tells the version: ",
    "version_running": "version that runs: ",
    "worker_class": "worker_class = ",
    "worker_count": "workers: ",
    "worker_timeouts.count": "workers that timed out: ",
    "workers": "workers = ",
    "wsgi_app": "entry point: ",
    "backlog": "backlog: ",
    "max_requests_jitter": "max_requests_jitter = ",
    "threads": "threads = ",
    "version_installed": "version installed: ",
    "dependency_error": "",
    "dependency_lost": "",
    "disk_full": "",
    "out_of_memory": "",
    "request_errors": "",
    "too_many_files": "",
    "worker_class_error": "",
    "worker_crashed": "",
    "worker_killed": "",
    "backlog_full": "",
    "connections_exhausted": "",
    "notify_access": "NotifyAccess=",
    "timeout_start": "TimeoutStartSec=",
    "kill_mode": "KillMode=",
    "kill_signal": "KillSignal=",
    "unit.watchdog": "WatchdogSec=",
    "log.watchdog": "",
}
"""What is said before the value of a fact, by its last attributes; "" where the value is a sentence of its own."""

_ABSENT: Mapping[str, str] = {
    "link_target": "no link",
    "master": "does not run",
    "newest_worker": "no worker",
    "oldest_worker": "no worker",
    "upload_limit": "sets no MAX_CONTENT_LENGTH",
}
"""What is said where there is no such fact, where "no" and its name would not do."""


_NOUNS: Mapping[str, str] = {"binds": "its addresses", "answered_by": "who answers", "targets": "what it serves"}
"""Facts whose words before a value are no name of them."""
_PRESENT: Mapping[str, str] = {"master": "it runs"}
"""What is said of a fact that is there, where that is all there is to say."""


def told(fact: str, value: str) -> str:
    """The value of `fact` with the words that say what it is."""
    return _PRESENT.get(key(fact).rpartition(".")[2]) or f"{lead(fact)}{value}"


def lead(fact: str) -> str:
    """What is said before the value of `fact`, as a rule spells it; of a fact not in the table its last attribute."""
    name = key(fact)
    return LEADS[name] if name in LEADS else f"{name.replace('_', ' ')}: "


def named(fact: str) -> str:
    """The fact by itself, where it is shown without a place."""
    noun = _NOUNS.get(key(fact).rpartition(".")[2])
    return noun or lead(fact).rstrip(" :=") or key(fact).rpartition(".")[2].replace("_", " ")


def absent(fact: str) -> str:
    """What is said where there is no such thing."""
    special = _ABSENT.get(key(fact).rpartition(".")[2])
    return special or f"no {named(fact)}"


def key(fact: str) -> str:
    """The longest end of `fact` that the table knows; otherwise its last attribute."""
    parts = _INDEX.sub("", fact).split(".")
    ends = (".".join(parts[-size:]) for size in (3, 2))
    return next((end for end in ends if end in LEADS), parts[-1])
