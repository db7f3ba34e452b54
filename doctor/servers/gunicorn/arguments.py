"""Gunicorn's command line, read as its argparse parser reads it (gunicorn/config.py, Config.parser)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from doctor.frozen import frozen
from doctor.grammar.gaps import is_gap


class Takes(Enum):
    """What an option consumes."""

    VALUE = "value"
    LIST = "list"
    """A value; may be given again, and adds to a list."""
    NOTHING = "nothing"
    OPTIONAL = "optional"


@frozen
class Option:
    """One setting's options. `constant` is stored when no value is given."""

    setting: str
    takes: Takes = Takes.VALUE
    constant: str | bool = True


@frozen
class Given:
    """One value on the command line; `word` is the argument that brought it, as written."""

    value: str | bool | tuple[str, ...]
    word: str


@dataclass(slots=True)
class Arguments:
    """A parsed command line. `error` is what argparse would print after "error: " before it exits with 2."""

    settings: dict[str, Given] = field(default_factory=dict)
    application: Given | None = None
    opaque: str = ""
    """A word that may stand for any arguments ("$OPTIONS", a gap of a template), "" for none."""
    error: str = ""
    complaint: str = ""
    """The same without the words it complains of."""

    def refuse(self, complaint: str, words: str = "") -> None:
        """Take the first error, made of what argparse says and the words that were given."""
        self.complaint, self.error = complaint, f"{complaint}{words}"


_LISTS = {"-b --bind": "bind", "-e --env": "raw_env", "--reload-extra-file": "reload_extra_files",
          "--paste-global": "raw_paste_global_conf", "--dirty-app": "dirty_apps"}  # fmt: skip
_VALUES = {
    "-c --config": "config", "-w --workers": "workers", "-k --worker-class": "worker_class", "-t --timeout": "timeout",
    "-p --pid": "pidfile", "-u --user": "user", "-g --group": "group", "-m --umask": "umask", "-n --name": "proc_name",
    "--keep-alive": "keepalive", "--limit-request-field_size": "limit_request_field_size",
    "--access-logfile": "accesslog", "--access-logformat": "access_log_format",
    "--error-logfile --log-file": "errorlog",
    "--log-level": "loglevel", "--log-config": "logconfig", "--log-config-json": "logconfig_json",
    "--log-syslog-to": "syslog_addr", "--log-syslog-prefix": "syslog_prefix",
    "--log-syslog-facility": "syslog_facility", "--proxy-allow-from": "proxy_allow_ips",
    "--uwsgi-allow-from": "uwsgi_allow_ips", "--paste --paster": "paste",
}  # fmt: skip
_NAMED_VALUES = (
    "backlog", "threads", "worker-connections", "max-requests", "max-requests-jitter", "graceful-timeout",
    "limit-request-line", "limit-request-fields", "reload-engine", "chdir", "worker-tmp-dir", "forwarded-allow-ips",
    "logger-class", "statsd-host", "dogstatsd-tags", "statsd-prefix", "pythonpath", "keyfile", "certfile",
    "ssl-version", "cert-reqs", "ca-certs", "ciphers", "forwarder-headers", "header-map", "protocol", "http-protocols",
    "http2-cleartext", "http2-max-concurrent-streams", "http2-initial-window-size", "http2-max-frame-size",
    "http2-max-header-list-size", "asgi-loop", "asgi-lifespan", "asgi-disconnect-grace-period",
    "websocket-max-message-size", "http-parser", "root-path", "dirty-workers", "dirty-timeout", "dirty-threads",
    "dirty-graceful-timeout", "control-socket", "control-socket-mode",
)  # fmt: skip
_FLAGS = {
    "--preload": "preload_app", "-D --daemon": "daemon", "--log-syslog": "syslog",
    "-R --enable-stdio-inheritance": "enable_stdio_inheritance", "--no-control-socket": "control_socket_disable",
}  # fmt: skip
_NAMED_FLAGS = (
    "reload", "spew", "check-config", "print-config", "reuse-port", "initgroups", "disable-redirect-access-to-syslog",
    "capture-output", "suppress-ragged-eofs", "do-handshake-on-connect", "strip-header-spaces",
    "permit-obsolete-folding", "permit-unconventional-http-method", "permit-unconventional-http-version",
    "casefold-http-method", "enable-backlog-metric",
)  # fmt: skip

CONFIG_ONLY = frozenset(
    {
        "wsgi_app", "tmp_upload_dir", "secure_scheme_headers", "logconfig_dict", "default_proc_name", "on_starting",
        "on_reload", "when_ready", "pre_fork", "post_fork", "post_worker_init", "worker_int", "worker_abort",
        "pre_exec",
        "pre_request", "post_request", "child_exit", "worker_exit", "nworkers_changed", "on_exit", "ssl_context",
        "sendfile", "on_dirty_starting", "dirty_post_fork", "dirty_worker_init", "dirty_worker_exit",
    }
)  # fmt: skip
"""Settings that have no option (or, for sendfile, another name)."""


def _options() -> Mapping[str, Option]:
    """Every option of Gunicorn 20 to 27 by its spelling.

    Newer options are taken for known by older versions too: only an abbreviation could tell the difference.
    """
    table: dict[str, Option] = {}
    for spellings, takes in ((_LISTS, Takes.LIST), (_VALUES, Takes.VALUE), (_FLAGS, Takes.NOTHING)):
        for names, setting in spellings.items():
            table.update(dict.fromkeys(names.split(), Option(setting, takes)))
    for name in _NAMED_VALUES:
        table[f"--{name}"] = Option(name.replace("-", "_"))
    for name in _NAMED_FLAGS:
        table[f"--{name}"] = Option(name.replace("-", "_"), Takes.NOTHING)
    table["--no-sendfile"] = Option("sendfile", Takes.NOTHING, False)
    table["--proxy-protocol"] = Option("proxy_protocol", Takes.OPTIONAL, "auto")
    for name in ("-h", "--help", "-v", "--version"):
        table[name] = Option("", Takes.NOTHING)
    return table


OPTIONS = _options()
SETTINGS = frozenset(option.setting for option in OPTIONS.values()) - {""} | CONFIG_ONLY


def parse(argv: Sequence[str], *, flag_proxy_protocol: bool = False, variables: bool = False) -> Arguments:
    """The arguments after the program's name.

    `flag_proxy_protocol`: of Gunicorn before 24, where --proxy-protocol takes no value. `variables`: the
    words come from a script, where `$NAME` stands for what only the running shell knows.
    """
    words = list(argv)
    result = Arguments()
    free: list[str] = []
    unknown: list[str] = []
    chunk_open = literal = False
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--" and not literal:
            literal = True
        elif literal or _is_value(word):
            of_shell = variables and word.startswith(("$", "`"))
            if not literal and (of_shell or (is_gap(word, whole=True) and (free or at < len(words)))):
                result.opaque = result.opaque or word
                continue
            # argparse gives `args` (nargs="*") the first run of positional arguments, and no later one.
            chunk_open = chunk_open or not free
            (free if chunk_open else unknown).append(word)
        else:
            chunk_open = False
            at = _option(word, words, at, result, unknown, flag_proxy_protocol)
            if result.error:
                return result
    if unknown:
        result.refuse("unrecognized arguments", f": {' '.join(unknown)}")
    if free:
        result.application = Given(free[0], free[0])
    return result


def _option(word: str, words: list[str], at: int, result: Arguments, unknown: list[str], old: bool) -> int:
    """Take one option word, and its value from `words[at:]`; the index of what follows."""
    attached: str | None
    while True:
        name, attached, problem = _find(word)
        if problem:
            result.refuse("ambiguous option", problem)
            return at
        option = OPTIONS.get(name)
        if option is None:
            unknown.append(word)
            return at
        if option.takes is Takes.NOTHING or (old and option.takes is Takes.OPTIONAL):
            if option.setting:
                constant = option.constant if option.takes is Takes.NOTHING else True
                result.settings[option.setting] = Given(constant, word)
            if attached is None:
                return at
            if name.startswith("--") or "=" in attached[:1]:
                result.refuse(f"argument {_display(name)}: ignored explicit argument", f" {attached.lstrip('=')!r}")
                return at
            word = f"-{attached}"  # a cluster of short flags, such as -DR or -Dw4
            continue
        break
    if attached is None:
        following = words[at] if at < len(words) else None
        if following is not None and _is_value(following):
            attached = following
            at += 1
            word = f"{word} {following}"
        elif option.takes is Takes.OPTIONAL:
            attached = str(option.constant)
        else:
            result.refuse(f"argument {_display(name)}: expected one argument")
            return at
    elif not name.startswith("--"):
        attached = attached.removeprefix("=")
    if option.takes is Takes.LIST:
        before = result.settings.get(option.setting)
        values = before.value if before is not None and isinstance(before.value, tuple) else ()
        result.settings[option.setting] = Given((*values, attached), before.word if before is not None else word)
    else:
        result.settings[option.setting] = Given(attached, word)
    return at


def _find(word: str) -> tuple[str, str | None, str]:
    """The option a word means, the value attached to it, and what it may mean too: as argparse's `_parse_optional`."""
    if word in OPTIONS:
        return word, None, ""
    name, equals, value = word.partition("=")
    attached = value if equals else None
    if name in OPTIONS:
        return name, attached if name.startswith("--") or attached is None else f"={attached}", ""
    if word.startswith("--"):
        matches = [option for option in OPTIONS if option.startswith(name)]
        if len(matches) > 1:
            return name, attached, f": {word} could match {', '.join(matches)}"
        return matches[0] if matches else name, attached, ""
    short = word[:2]
    return (short, word[2:], "") if short in OPTIONS else (word, None, "")


def _is_value(word: str) -> bool:
    """The word is no option: a positional argument, or the value of the option before it."""
    if not word.startswith("-") or word == "-":
        return True
    if word == "--":
        return False
    name, _, problem = _find(word)
    return not problem and name not in OPTIONS and (_negative(word) or " " in word)


def _negative(word: str) -> bool:
    """A negative number is a value, for no option of Gunicorn looks like one."""
    return word[1:].replace(".", "", 1).isdigit() and word.startswith("-")


def _display(name: str) -> str:
    same = [option for option, value in OPTIONS.items() if value is OPTIONS[name]]
    return "/".join(same)
