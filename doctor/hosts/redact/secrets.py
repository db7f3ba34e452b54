"""What is a secret by its name or its shape. Tables and patterns only; `doctor.hosts.redact` applies them."""

from __future__ import annotations

import re

HARMLESS = frozenset(
    {
        "CACHE_DIRECTORY", "CONFIGURATION_DIRECTORY", "DJANGO_SETTINGS_MODULE", "EXIT_CODE", "EXIT_STATUS",
        "FLASK_APP", "FLASK_DEBUG", "FLASK_ENV", "FORWARDED_ALLOW_IPS", "GUNICORN_FD", "GUNICORN_PID", "HOME",
        "HOSTNAME", "INVOCATION_ID", "JOURNAL_STREAM", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LD_PRELOAD",
        "LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "LOGNAME", "LOGS_DIRECTORY", "MAINPID", "MALLOC_ARENA_MAX",
        "NOTIFY_SOCKET", "OLDPWD", "OMP_NUM_THREADS", "PATH", "PORT", "PWD", "PYTHONDONTWRITEBYTECODE",
        "PYTHONHASHSEED", "PYTHONHOME", "PYTHONIOENCODING", "PYTHONOPTIMIZE", "PYTHONPATH", "PYTHONUNBUFFERED",
        "PYTHONUTF8", "RUNTIME_DIRECTORY", "SENDFILE", "SERVER_SOFTWARE", "SERVICE_RESULT", "SHELL", "SHLVL",
        "STATE_DIRECTORY", "SYSTEMD_EXEC_PID", "TERM", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV", "WATCHDOG_PID",
        "WATCHDOG_USEC", "WEB_CONCURRENCY", "XDG_RUNTIME_DIR",
    }
)  # fmt: skip
"""Environment variables shown in clear: what the rules judge by, and nothing an application keeps secrets in."""

HARMLESS_PREFIXES = ("LC_",)

COMMAND_LINES = frozenset({"GUNICORN_CMD_ARGS"})
"""Variables that hold a command line: shown with its secrets taken out."""

SECRET_WORDS = (
    "secret", "passw", "passphrase", "pwd", "token", "api_key", "api-key", "apikey", "private_key", "private-key",
    "privatekey", "access_key", "access-key", "accesskey", "accountkey", "account_key", "signing_key", "encryption_key",
    "encryptionkey", "fernet", "credential", "dsn", "database_ur", "redis_ur", "broker_ur", "mongo_ur", "mongodb_ur",
    "amqp_ur", "result_backend", "-auth", "_auth", "authorization", "cookie", "webhook", "_salt", "jwt", "hmac",
)  # fmt: skip
"""Parts of a name that say it holds a secret, in lower case."""

_NOT_SECRET_ENDINGS = (
    "file", "path", "dir", "directory", "name", "_type", "_expires", "_lifetime", "_length", "_url_prefix", "_secure",
    "_httponly", "_samesite", "_domain", "_max_age",
)  # fmt: skip

SECRET_ENDINGS = ("_KEY", "_PASS", "_PW", "_PIN", "_SALT")
"""Of an environment variable, which is written in capitals."""

_NOT_SECRET = frozenset({"loadcredential", "loadcredentialencrypted", "importcredential"})
"""Directives of a unit that name where a secret lies."""

QUOTED = r'"(?:\\.|[^"\\\n])*"|' + r"'(?:\\.|[^'\\\n])*'"

ASSIGNMENT = re.compile(
    # From the telling part of the name on; `whole_name` finds its beginning. Looking for that here would be quadratic.
    r"(?P<name>(?:" + "|".join(re.escape(word) for word in SECRET_WORDS) + r")[\w.-]{0,60})(?P<between>[\"']?\]?"
    # `NAME: type = value` of Python, `NAME = value`, `name: value`, `("name", "value")`; not ==, :=, ::, ://
    r"(?:[ \t]*:[ \t]*[A-Za-z_][\w.\[\]|]{0,60}[ \t]*=(?![=>])|[ \t]*=(?!=)>?|[ \t]*:(?![:=]|//)"
    r"|[\"'][ \t]*,(?=[ \t]*[\"']))[ \t]*)"
    # A quote that is never closed: the line of a syntax error, as a traceback shows it.
    r"(?P<value>"
    + QUOTED
    + r"|[\"'][^\"'\n]+$|(?:<hidden:\w{1,12}>|\$\{[^}\n]{0,200}\}|\$\([^)\n]{0,200}\)|[^\s,;&\"'(){}\[\]])+)",
    re.IGNORECASE,
)
"""A secret name, a separator and one value: `SECRET_KEY=…`, `"password": "…"`, `token: …`, `("API_KEY", "…")`."""

URL_PASSWORD = re.compile(
    r"(?P<head>://[^\s/'\"@:<]{0,200}:)"
    r"(?P<value>(?!\d{1,9}/)[^\s'\"/@]{0,400}(?:@[^\s'\"/@]{1,200}){0,4}|(?!\d{1,9}/)[^\s'\"@]{1,400})(?=@)"
)
URL_USER = re.compile(r"(?P<head>https?://)(?P<value>[^\s/'\"@:]+)(?=@)")
QUERY = re.compile(
    r"(?P<head>[?&](?:key|sig|signature|code|auth|access|session|sessionid|sid|hash|otp|pin|pass)=)(?P<value>[^&\s\"'#;]+)",
    re.IGNORECASE,
)
HEADER = re.compile(
    r"(?P<head>\b(?:HTTP_)?(?:proxy[_-])?(?:authorization|(?:set-)?cookie)[\"']?[ \t]*[:=,][ \t]*[\"']?)"
    r"(?P<value>(?!<hidden)[^\s\"'][^\"'\r\n]*)",
    re.IGNORECASE,
)
SCHEME = re.compile(
    r"(?P<head>\b(?:bearer[ \t]+|(?:basic|token|apikey)[ \t]+(?=[\w+/.~-]*(?:\d|=|(?-i:[a-z][A-Z])))))"
    r"(?P<value>[\w+/.=~-]{8,})",
    re.IGNORECASE,
)
KNOWN_SHAPE = re.compile(
    r"(?P<head>)(?P<value>(?:(?<![\w-])|(?<=_))eyJ[\w-]{8,}\.[\w-]{4,}\.?[\w-]*|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\b[sr]k_(?:live|test)_\w{10,}"
    r"|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{30,}|\bSG\.[\w-]{16,}\.[\w-]{16,}"
    r"|\bnpm_\w{30,}|\bpypi-[\w-]{30,}"
    # The secret half of a key of AWS, where the other half is seen.
    r"|(?<![\w/+=])(?=[^a-z\s]{0,39}[a-z])(?=[^A-Z\s]{0,39}[A-Z])(?=[^\d\s]{0,39}\d)(?!/)[A-Za-z0-9/+]{40}(?![\w/+=]))"
)
PRIVATE_KEY = re.compile(
    r"(?P<head>-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)(?P<value>[\s\S]*?)(?P<end>-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)"
)
KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")
KEY_LINE = re.compile(r"[ \t]{0,40}[A-Za-z0-9+/=]{16,}\r?")
"""A line of the body of a key."""

LONG_BODY = re.compile(r"(?=[^a-z]{0,63}[a-z])(?=[^A-Z]{0,63}[A-Z])(?=[^0-9]{0,63}[0-9])[A-Za-z0-9+/=]{48,}")
"""One long word of base64: a line of a key whose other lines are not seen with it."""

NAME_FORM = re.compile(r"[a-z][a-z0-9_-]{0,30}(?:\.[a-z0-9_-]{1,40}){0,6}(?::\d{1,5})?|[A-Z]")
"""A value that is the name of something: of a program, a host, an upstream."""

SHAPE_SIGNS = (
    "eyj", "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "k_live_", "k_test_", "xox",
    "aiza", "sg.", "npm_", "pypi-",
)  # fmt: skip
"""In lower case, what a text holds in which `KNOWN_SHAPE` can match."""

SCHEME_SIGNS = ("bearer", "basic", "token", "apikey")
HEADER_SIGNS = ("authorization", "cookie")
QUERY_SIGNS = ("?", "&")

OPTION_ENDINGS = ("pass", "pw", "auth", "authtoken", "key")
"""Of an option whose value is secret unless it is a path or a number: `--key`, `--requirepass`."""

PROGRAM = re.compile(
    r"(?P<head>\b(?:(?:mysql|mariadb)[\w-]{0,20}\b[^\n;|&]{0,300}?[ \t]-p|redis-cli\b[^\n;|&]{0,300}?[ \t]-a[ \t]+"
    r"|curl\b[^\n;|&]{0,300}?[ \t](?:-u|--user)[ \t=]{1,9}[^\s:\"'/]{1,64}:|sshpass[ \t]+-p[ \t]*))"
    r"(?P<value>[^\s\"';|&]+)"
)
"""Passwords in the command lines of programs that take them by a letter."""

REFUSED_VALUE = re.compile(
    r"(?P<head>\binput_value=|\bURL from (?:given URL )?string )(?P<value>.+?)(?=, input_type=|$)", re.MULTILINE
)
"""What Pydantic and SQLAlchemy say of a setting that they refuse."""

PROGRAM_SIGNS = ("curl", "mysql", "mariadb", "redis-cli", "sshpass")
REFUSED_VALUE_SIGNS = ("input_value=", "url from")

REFUSED_SIGN = "nvironment assignment"

SIGNS = tuple(
    dict.fromkeys(
        (
            *SECRET_WORDS, *SHAPE_SIGNS, *SCHEME_SIGNS, *HEADER_SIGNS, *QUERY_SIGNS, *PROGRAM_SIGNS,
            *REFUSED_VALUE_SIGNS, "@",
        )
    )
)  # fmt: skip
"""A line that holds none of these (in lower case) holds no secret that could be told."""

PLAIN_VALUE = re.compile(
    r"[\"']?(?:-?\d+|true|false|yes|no|on|off|[~.]?/[\w./-]*|[\w.-]*:\d+|\$\w+|\$\{\w+\}|<hidden:\w+>)[\"']?",
    re.IGNORECASE,
)
"""What is no secret unless its name says so: numbers, paths, addresses, references."""

RANDOM = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=(?:\D*\d){2})[A-Za-z0-9+_=-]{20,}")
"""What nobody would think up: small and capital letters and digits in one long word."""

_MIXED = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)[A-Za-z0-9+_=-]{12,}")
"""The same as the value of a variable, where fewer things are named."""

QUOTED_WORD = re.compile(r"(?P<head>[\"'])(?P<value>[A-Za-z0-9+_=-]{20,})(?=[\"'])")
"""A long word in quotes, which `RANDOM` may match."""

_NAME = re.compile(r"(?:[a-z0-9_-]+\.)+[A-Za-z0-9_-]+(?::\w+)?|[A-Za-z_-]{1,11}")
"""Names of hosts, modules and things."""

ENVIRONMENT_REFUSED = re.compile(
    r"(?P<head>(?:Ignoring invalid environment assignment '|Invalid environment assignment, ignoring: )[^='\n]{0,200}=)"
    r"(?P<value>[^\n]+?)(?=(?:': /[^\n]*)?$)",
    re.MULTILINE,
)
"""systemd says which line of an environment file or of Environment= it refuses, with its value."""

REFERENCE = re.compile(
    r"\$\{[A-Z_][A-Z0-9_]*(?::?\?[^}]*)?\}|\$[A-Z_][A-Z0-9_]*|\$\(.*|%\w|%\(\w+\)s?|\{\{?.*|None|True|False|null|true|false"
    r"|yes|no|on|off|not|str|int|bytes|bool|(?:app|config|current_app|g|json|os|request|secrets|self|settings)(?:\.\w+)+"
)
"""A value that names a secret without being one: a variable, a constant, an attribute."""

EXPRESSION = re.compile(r"[A-Za-z_][\w.]*")
"""Before a parenthesis or bracket: a call or an item, `get_token()` or `environ["TOKEN"]`."""


def whole_name(match: re.Match[str]) -> str:
    """The name of an `ASSIGNMENT`, with what stands before its telling part."""
    text, start = match.string, match.start()
    first = start
    while first > 0 and start - first < 60 and (text[first - 1].isalnum() or text[first - 1] in "_.-"):
        first -= 1
    return text[first:start] + match.group("name")


def is_secret_name(name: str) -> bool:
    """Whether a variable, option or header of this name holds a secret rather than, say, the path of one."""
    lowered = name.lower()
    if name in HARMLESS or lowered in _NOT_SECRET or lowered.endswith(_NOT_SECRET_ENDINGS):
        return False
    return name.endswith(SECRET_ENDINGS) or any(word in lowered for word in SECRET_WORDS)


def is_harmless(name: str) -> bool:
    """Whether the value of this environment variable may be shown."""
    return name in HARMLESS or name.startswith(HARMLESS_PREFIXES)


def unmistakable(name: str, value: str) -> tuple[str, ...]:
    """Parts of the value of a variable that are secret wherever else they are seen: nothing that may be a name."""
    if "://" in value:
        return tuple(match["value"] for match in URL_PASSWORD.finditer(value) if _rare(match["value"]))
    if _MIXED.fullmatch(value) or (is_secret_name(name) and _rare(value)):
        return (value,)
    return ()


def _rare(value: str) -> bool:
    return 6 <= len(value) <= 512 and not (
        PLAIN_VALUE.fullmatch(value) or _NAME.fullmatch(value) or "<hidden:" in value
    )
