from __future__ import annotations

import ast
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.grammar.python_source import outline
from doctor.hosts.base import TextKind
from doctor.hosts.redact import Redactor

R = Redactor(b"k" * 32)
T = re.compile(r"<hidden:[0-9a-f]{12}>")

CANARY = "Canary7Hunter2zQ"

HIDDEN = {
    TextKind.UNIT: [
        "Environment=SHOP_THING={}",
        'Environment="SHOP_THING={} more"',
        "Environment=SHOP_THING='{} more'",
        "Environment='SHOP_THING={}' B=\"{}\"",
        'Environment=A=1 \\\n  SHOP_THING={} \\\n# a comment\n  B="x {}"',
        'Environment="A=first \\\n {} second"',
        "Environment=$'A={}\\n'",
        "Environment=GUNICORN_CMD_ARGS=--env=DB={}",
        'Environment="GUNICORN_CMD_ARGS=--bind unix:/run/x.sock -e DB={}"',
        "ExecStart=/srv/venv/bin/gunicorn -e DB_THING={} --bind unix:/run/x.sock app:app",
        "ExecStart=/srv/venv/bin/gunicorn --env DB_THING={} app:app",
        "ExecStart=/srv/venv/bin/gunicorn --env=db={} app:app",
        "ExecStart=/srv/venv/bin/gunicorn \\\n   -e 'DB={} x' \\\n   app:app",
        "ExecStart=/usr/bin/env foo={} BAR={} /srv/venv/bin/gunicorn app:app",
        "ExecStart=/bin/sh -c 'export THING={}; exec gunicorn app:app'",
        "ExecStart=/bin/sh -c 'THING=\"{} a\" exec gunicorn app:app'",
        "ExecStart={{ path=/usr/bin/env ; argv[]=/usr/bin/env DB={} gunicorn ; ignore_errors=no }}",
        "ExecStart={{ path=/v/gunicorn ; argv[]=/v/gunicorn -e DB={} app:app ; ignore_errors=no }}",
        "ExecStart={{ path=/v/gunicorn ; argv[]=/v/gunicorn --env DB=x {} y -b 127.0.0.1:80 ; ignore_errors=no }}",
        "ExecStartPre=/usr/bin/curl -u deploy:{} https://x/",
        "ExecStartPre=/usr/bin/curl -H 'Authorization: Bearer {}' https://x/",
        "ExecStartPre=/bin/x --db-password {} --api-token={}",
        "ExecStartPre=/bin/x postgres://u:{}@db/x",
        "SetCredential=db:{}",
        "# Environment=SECRET_KEY={}",
        "# DATABASE_URL=postgres://shop:{}@db/shop",
        "ExecStartPre=/bin/x --key {} --requirepass={}",
        "ExecStartPre=/bin/sh -c 'mysql -ushop -p{} x; redis-cli -a {} ping; sshpass -p {} ssh x'",
        "ExecStartPre=/usr/bin/mysqldump -ushop -p{} x",
    ],
    TextKind.NGINX: [
        "proxy_set_header X-Api-Key {};",
        'proxy_set_header X-Internal-Token "{}";',
        "proxy_set_header X-Shop-Secret '{} {}';",
        'proxy_set_header Authorization "Basic {}";',
        "proxy_set_header Cookie session={};",
        "fastcgi_param SHOP_PASSWORD {};",
        "uwsgi_param  SECRET_KEY  {};",
        'set $api_token "{}";',
        "env SHOP_ANYTHING={};",
        "proxy_pass http://user:{}@10.0.0.1:8000/;",
        'if ($http_x_api_key != "{}") {{ return 403; }}',
        "if ($arg_token = {}) {{ return 403; }}",
        'map $http_x_api_key $ok {{\n  default 0;\n  "{}" 1;\n  {} 1;\n}}',
        "secure_link_secret {};",
        'secure_link_md5 "$secure_link_expires$uri {}";',
        "# password: {}",
        'add_header X-Token "{}" always;',
        "fastcgi_param DB_PASS {};",
        'proxy_set_header X-Origin-Verify "{}";',
        "proxy_set_header\n  X-Api-Key\n  {};",
        'if ($http_x_origin_verify != "{}") {{ return 403; }}',
        'proxy_set_body \'{{"password":"{}"}}\';',
        'map $arg_token $ok {{ default 0; {} 1; "~^{}$" 1; }}',
        'map $host $backend_password {{ default "{}"; shop.test {}; }}',
        # What headers-more-nginx-module sets, several words, a variable of geo.
        'more_set_headers "X-Api-Key: {}";',
        "proxy_set_header Authorization Basic {};",
        "geo $backend_token {{ default {}; 10.0.0.0/8 '{}'; }}",
        'proxy_set_header X-Token "{}\n{}";',
        # What nginx would not read: a ";", a quote or a brace is missing, or one is too many.
        "proxy_set_header X-Api-Key {}\nroot /srv;",
        'root "/srv;\nproxy_set_header X-Api-Key "{}";\nset $token {};',
        "log_format x it's;\nset $api_token '{}';\nindex 'a;",
        "map $http_x_api_key $ok {{\n  {} 1;\n",
        "root /srv if ($arg_token = {}) {{ }}",
        # What was commented out.
        "#proxy_set_header X-Origin-Verify {};",
        "# map $http_x_api_key $ok {{\n#   default 0;\n#   '{}' 1;\n# }}",
        "# it's here: set $api_token {};",
    ],
    TextKind.PYTHON: [
        'raw_env = ["SHOP_THING={}", "B={}"]',
        "raw_env = [\n  'SHOP_THING={}',\n]",
        'SECRET_KEY = "{}"',
        "secret_key: str = '{}'",
        'app.config["SECRET_KEY"] = "{}"',
        'app.config.update(SECRET_KEY="{}", DEBUG=False)',
        'x = {{"api_key": "{}"}}',
        'os.environ.setdefault("DB_PASSWORD", "{}")',
        'key = os.environ.get("SECRET_KEY", "{}")',
        'engine = create_engine("postgresql://u:{}@db/x")',
        'TOKEN = """{}\nmore {}"""',
        'h = {{"Authorization": "Bearer {}"}}',
        'SENTRY_DSN = f"https://{}@o1.ingest/{{PROJECT}}"',
        "# SECRET_KEY = '{}'",
        'dsn = f"postgres://u:{}@{{host}}/x"',
        'SECRET_KEY = (\n    "{}"\n)',
        'SECRET_KEY = ("{}"\n              "more{}" r"{}")',
        'API_KEYS = ["{}", "{}",\n    "{}"]',
        'app.config.update(\n    SECRET_KEY=(\n        "{}"\n    ),\n)',
        'PRIVATE_KEY = """-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----"""',
    ],
    TextKind.LOG: [
        '1.2.3.4 - - "GET /reset?token={}&x=1 HTTP/1.1" 200',
        '[error] connect() failed, request: "GET /a?access_token={} HTTP/1.1", upstream: "http://unix:/run/x.'
        'sock:/a?access_token={}"',
        "Authorization: Bearer {}",
        "'HTTP_AUTHORIZATION': 'Basic {}', 'PATH_INFO': '/'",
        "'HTTP_COOKIE': 'session={}; b={}'",
        "Set-Cookie: session={}; Path=/",
        "sqlalchemy.exc.OperationalError: could not connect to postgresql://shop:{}@db:5432/shop",
        "redis://:{}@cache:6379/0",
        "config: {{'SECRET_KEY': '{}', 'DEBUG': False}}",
        "DB_PASSWORD={} not accepted",
        'app.config["SECRET_KEY"] = "{}"',
        "-----BEGIN PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----",
        "https://{}@o123.ingest.sentry.io/4",
        "x-api-key: {}",
        "    SECRET_KEY = '{} b",
        "shop.service: Ignoring invalid environment assignment 'export THING={} b': /etc/shop.env",
        "/etc/systemd/system/shop.service:9: Invalid environment assignment, ignoring: A-B={}",
        "  Input should be a valid integer [type=int_parsing, input_value='{} x', input_type=str]",
        "  Extra inputs are not permitted [type=extra_forbidden, input_value={{'a': '{}'}}, input_type=dict]",
        "Could not parse SQLAlchemy URL from given URL string '{} {}'",
    ],
    TextKind.PLAIN: [
        "export SECRET_KEY={}",
        "export THING={}; exec gunicorn",
        "  export A=1 THING='{} b'",
        'PAYMENT_KEY="{}"\nexport PAYMENT_KEY',
        "SECRET_KEY=${{SECRET_KEY:-{}}}",
        "environment:\n  - SECRET_KEY=${{SECRET_KEY:-{}}}\n  - 'THING={}' # why\n  - \"T={} b\"",
        "smtp:\n  password: {} {}  # why",
        "smtp_password = several {}",
        "password=request{}",
        'DATABASE_URL="postgres://shop:{}@db/shop"',
        "environment:\n  - SHOP_THING={}\n  - OTHER=x{}",
        'environment:\n  SHOP_THING: {}\n  OTHER: "{} b"',
        "password: {}",
        '{{"apiKey": "{}"}}',
        "curl -H 'Authorization: token {}' x",
        "git clone https://x-access-token:{}@github.com/a/b",
        "  token = eyJhbGciOiJIUzI1NiJ9.{}.abc",
    ],
}
CASES = [(kind, template) for kind, templates in HIDDEN.items() for template in templates]


@pytest.mark.parametrize(("kind", "template"), CASES, ids=[f"{kind.value}-{text[:40]}" for kind, text in CASES])
def test_canary_is_hidden_and_lines_stay(kind: TextKind, template: str) -> None:
    text = f"first\n{template.replace('{{', chr(1)).replace('}}', chr(2)).replace('{}', CANARY)}\nlast"
    text = text.replace(chr(1), "{").replace(chr(2), "}")
    clean = R.text(kind, text)
    assert CANARY not in clean
    assert clean.count("\n") == text.count("\n")
    assert clean.startswith("first\n")
    assert clean.endswith("\nlast")
    assert R.text(kind, clean) == clean


@pytest.mark.parametrize(
    ("kind", "text", "secret"),
    [
        (TextKind.PYTHON, 'connect("db", "xY7bQ2mN8pL4kJ1hG6fD")', "xY7bQ2mN8pL4kJ1hG6fD"),
        (TextKind.LOG, "KeyError: 'xY7bQ2mN8pL4kJ1hG6fD'", "xY7bQ2mN8pL4kJ1hG6fD"),
        (TextKind.LOG, "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI/K7MDENG/b"),
    ],
)
def test_what_looks_random_is_hidden(kind: TextKind, text: str, secret: str) -> None:
    clean = R.text(kind, text)
    assert secret not in clean
    assert R.text(kind, clean) == clean


KEPT = {
    TextKind.UNIT: [
        "Environment=PORT=8000 WEB_CONCURRENCY=4 PYTHONPATH=/srv/shop/current",
        'Environment="PATH=/srv/shop/venv/bin:/usr/bin"',
        "Environment=",
        "EnvironmentFiles=/etc/shop.env (ignore_errors=no)",
        "EnvironmentFile=-/etc/shop/secrets.env",
        "PassEnvironment=SECRET_KEY DATABASE_URL",
        "ExecStart=/srv/shop/venv/bin/gunicorn --workers 3 --bind unix:/run/shop/gunicorn.sock --umask 007 wsgi:app",
        "ExecStart=/srv/shop/venv/bin/gunicorn --certfile /etc/ssl/x.pem --keyfile=/etc/ssl/private.key 'shop"
        ":create_app()'",
        "ExecStart=/bin/sh -c 'cd /srv/shop/current && exec venv/bin/gunicorn -b 127.0.0.1:$PORT app:app'",
        "ExecStart={ path=/v/bin/gunicorn ; argv[]=/v/bin/gunicorn -c gunicorn.conf.py app:app ; ignore_error"
        "s=no ; start_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }",
        "ExecReload=/bin/kill -s HUP $MAINPID",
        "ExecStart=/bin/bash -c 'PATH=/srv/venv/bin:$PATH exec gunicorn \\\n  --bind 0.0.0.0:8001 \\\n  app:app'",
        "LoadCredential=db:/etc/shop/db",
        'Environment="GUNICORN_CMD_ARGS=--bind unix:/run/x.sock --workers 3"',
        "Description=Bob's shop: the token service",
        "ExecStart=/usr/bin/env PORT=8000 /v/bin/gunicorn app:app",
        "ExecStart=/bin/sh -c 'DIR=/srv/shop2; APP=shop2; cd $DIR/$APP && exec venv/bin/gunicorn app:app'",
    ],
    TextKind.NGINX: [
        "proxy_set_header Host $host;",
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "proxy_set_header Authorization $http_authorization;",
        'proxy_set_header Authorization "Bearer $token";',
        "ssl_certificate_key /etc/ssl/private/shop.key;",
        "ssl_password_file /etc/ssl/pass;",
        "server_tokens off;",
        "auth_basic_user_file /etc/nginx/.htpasswd;",
        "limit_req_zone $http_x_token zone=api_token:10m rate=5r/s;",
        "proxy_pass http://unix:/run/shop/gunicorn.sock:/;",
        "set $upstream http://127.0.0.1:8000;",
        'proxy_cookie_path / "/; HttpOnly; SameSite=strict";',
        "proxy_hide_header X-Powered-By;",
        "location ~ ^/token/(.*)$ { proxy_pass http://shop; }",
        "map $http_upgrade $connection_upgrade { default upgrade; '' close; }",
        'add_header Strict-Transport-Security "max-age=63072000" always;',
        "env PATH=/usr/bin;",
        'if ($request_uri ~* "(/login)") { return 403; }',
        "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;",
        'proxy_set_header Connection "upgrade";',
        "proxy_set_header X-Forwarded-Proto https;",
        'proxy_set_header X-Request-Start "t=${msec}";',
        "proxy_set_header X-Prefix /shop;",
        "proxy_set_header X-NginX-Proxy true;",
        'proxy_set_header Accept-Encoding "";',
        "uwsgi_param UWSGI_SCHEME $scheme;",
        'if ($http_x_forwarded_proto = "http") { return 301 https://$host$request_uri; }',
        'if ($http_x_requested_with ~ "XMLHttpRequest") { return 204; }',
        "map $http_x_forwarded_proto $scheme_of { default $http_x_forwarded_proto; '' $scheme; }",
        "map $uri $token_zone { default $binary_remote_addr; }",
        "proxy_set_header X-Prefix /shop # for the app\n;",
        "# Do not set the `Host` header here, nor add_header twice.\n# It's set by the proxy: map it.",
        "location /set { try_files $uri =404; }\nserver_name if.env.test;",
        'more_set_headers "X-Powered-By: shop";',
    ],
    TextKind.PYTHON: [
        'SECRET_KEY = os.environ["SECRET_KEY"]',
        'bind = "unix:/run/shop/gunicorn.sock"',
        "workers = multiprocessing.cpu_count() * 2 + 1",
        'forwarded_allow_ips = "*"',
        'raw_env = ["PORT=8000"]',
        'chdir = "/srv/shop/current"',
        'key = os.environ.get("SECRET_KEY")',
        'keyfile = "/etc/ssl/x.key"',
        "secure_scheme_headers = {'X-FORWARDED-PROTO': 'https'}",
        'token = get_token("x", y)',
        'f(password=x, bind="0.0.0.0:80")\nbind = "unix:/run/x.sock"',
        'password = x\n\n"""Words."""',
    ],
    TextKind.LOG: [
        "KeyError: 'SECRET_KEY'",
        "Basic authentication failed, invalid token header",
        "    token = get_token(x)",
        '    SECRET_KEY = os.environ["SECRET_KEY"]',
        '  File "/srv/shop/current/app/auth/tokens.py", line 12, in <module>',
        "ModuleNotFoundError: No module named 'token_auth'",
        "[2026-11-01 10:00:00 +0000] [12] [INFO] Listening at: unix:/run/shop/gunicorn.sock (12)",
        "connect() to unix:/run/shop/gunicorn.sock failed (2: No such file or directory) while connecting to "
        'upstream, client: 1.2.3.4, server: shop.test, request: "GET / HTTP/1.1", upstream: "http://unix:/run'
        '/shop/gunicorn.sock:/", host: "shop.test"',
        "Worker exiting (pid: 12)",
        "shop.service: Main process exited, code=exited, status=200/CHDIR",
        "Failed to load environment files: No such file or directory",
        "ImportError: cannot import name 'OAuth2SessionWithRefresh' from 'shop.auth'",
        "werkzeug.utils.ImportStringError: import_string() failed for 'config.Production2Config'",
        "  Input should be a valid integer [type=int_parsing, input_value=8000, input_type=str]",
        "sqlalchemy: (pymysql.err.OperationalError) mysql: can't connect -p",
    ],
    TextKind.PLAIN: [
        "root:x:0:0:root:/root:/bin/bash",
        "    OS=\"debian\"\n    IP=$(hostname -I | awk '{print $1}')\n    ACCEPT_EULA=Y apt-get install -y x",
        "\tFLASK_CONFIG=development .venv/bin/flask --app wsgi run",
        "# Basic Settings",
        "      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}",
        "      - BIND=0.0.0.0:8000",
        "ref: refs/heads/main",
        "home = /usr/bin",
        "systemctl reload shop",
        'ln -sfn "$RELEASE" /srv/shop/current',
        "  - PORT=8000",
        "      DATA_DIR: /srv/data",
        "export DIR=/srv/shop/current PORT=8000",
        'export APP=shop2\ncd "/srv/${APP}"',
    ],
}
KEPT_CASES = [(kind, text) for kind, texts in KEPT.items() for text in texts]


@pytest.mark.parametrize(("kind", "text"), KEPT_CASES, ids=[f"{kind.value}-{text[:40]}" for kind, text in KEPT_CASES])
def test_what_rules_need_is_kept(kind: TextKind, text: str) -> None:
    assert R.text(kind, text + "\n") == text + "\n"


def test_equal_values_have_equal_tokens_everywhere() -> None:
    value = "p@ss w0rd/x"
    token = R.token("DB_PASSWORD", value)
    assert T.fullmatch(token)
    assert R.text(TextKind.UNIT, f'Environment="DB_PASSWORD={value}"') == f'Environment="DB_PASSWORD={token}"'
    assert R.text(TextKind.UNIT, f"Environment=DB_PASSWORD='{value}'") == f"Environment=DB_PASSWORD='{token}'"
    assert R.argv(("gunicorn", "-e", f"DB_PASSWORD={value}")) == ("gunicorn", "-e", f"DB_PASSWORD={token}")
    assert R.text(TextKind.PYTHON, f'raw_env = ["DB_PASSWORD={value}"]') == f'raw_env = ["DB_PASSWORD={token}"]'
    assert R.text(TextKind.UNIT, 'Environment="A=a\\tb"') == f'Environment="A={R.token("A", chr(97) + chr(9) + "b")}"'


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (r"FOO=\u00e9t\u00e9", "été"),
        (r"FOO=\xc3\xa9t\303\251", "été"),
        (r"FOO=\U0001F600", "\U0001f600"),
        (r'"FOO=a\x20b"', "a b"),
        (r"FOO=\xe9", "\udce9"),
        (r"FOO=\q\\", "\\q\\"),
        ('"FOO=a\\\n# note\nb"', "a b"),
        ('"FOO=a\\\r\nb"', "a b"),
    ],
)
def test_an_escaped_value_has_the_token_of_the_process(written: str, value: str) -> None:
    redactor = Redactor()
    text = redactor.text(TextKind.UNIT, f"[Service]\nEnvironment={written}\nExecStart=/x\n")
    assert T.findall(text) == [redactor.token("FOO", value)]


def test_a_line_that_ends_in_an_escaped_backslash_is_whole() -> None:
    text = Redactor().text(TextKind.UNIT, "[Service]\nExecStart=/x a\\\\\nEnvironment=FOO=bar\n")
    assert text.startswith("[Service]\nExecStart=/x a\\\\\nEnvironment=FOO=<hidden:")


def test_tokens_differ_by_value_and_by_run() -> None:
    assert R.token("A", "x") != R.token("A", "y")
    assert Redactor().token("A", "x") != Redactor().token("A", "x")
    assert R.token("A", "") == ""
    assert R.token("LC_TIME", "de") == "de"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("gunicorn", "-eDB=x", "app:app"), ("gunicorn", "-eDB={x}", "app:app")),
        (("gunicorn", "--env", "db=x", "app:app"), ("gunicorn", "--env", "db={x}", "app:app")),
        (("/usr/bin/env", "db=x", "gunicorn", "a=b"), ("/usr/bin/env", "db={x}", "gunicorn", "a=b")),
        (("worker", "--secret-key", "x"), ("worker", "--secret-key", "{x}")),
        (("worker", "--password=x", "--password-file", "/p"), ("worker", "--password={x}", "--password-file", "/p")),
        (("gunicorn", "--bind", "127.0.0.1:80", "app:create_app('dev')"),) * 2,
        (("gunicorn: master [app:app]",),) * 2,
        (("curl", "-u", "me:x"), ("curl", "-u", "me:{x}")),
        (("gunicorn", "-u", "www-data"),) * 2,
        # Of other programs only what is plainly no secret.
        (
            ("mysqldump", "-ushop", "-px123", "--host=db1", "shop"),
            ("mysqldump", "-u{shop}", "-p{x123}", "--host={db1}", "shop"),
        ),
        (("redis-cli", "-a", "x", "-p", "6379"), ("redis-cli", "-a", "{x}", "-p", "6379")),
        (("redis-cli -a x",), ("redis-cli -a {x}",)),
        (("ngrok", "authtoken", "2x"), ("ngrok", "authtoken", "{2x}")),
        (("/usr/bin/node", "server.js", "--port", "8000", "/srv/x"),) * 2,
        (("php-fpm: pool www",),) * 2,
        (("/usr/sbin/haproxy", "-Ws", "-f", "/etc/haproxy/haproxy.cfg", "-p", "/run/haproxy.pid"),) * 2,
        (("apache2", "-k", "start"), ("apache2", "-k", "{start}")),
    ],
)
def test_argv(argv: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert R.argv(argv) == tuple(re.sub(r"{(\w+)}", lambda match: R.hide(match[1]), word) for word in expected)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("SECRET_KEY", "hunter2", "could not use hunter2."),
        ("DB_PASSWORD", "p@ss w0rd/x", "fe_sendauth: 'p@ss w0rd/x'"),
        ("DB_PASSWORD", "p@ss w0rd/x", "GET /?next=p%40ss%20w0rd%2Fx HTTP/1.1"),
        ("DB_PASSWORD", "p@ss w0rd/x", "header cEBzcyB3MHJkL3g= refused"),
        ("DB_PASSWORD", "tab\there1", r"ValueError: 'tab\there1'"),
        ("DATABASE_URL", "postgres://u:hunter22@db.internal/x", "FATAL: password hunter22 is wrong"),
        ("ANYTHING", "aB3dE5fG7hJ9kL1", "invalid literal for int() with base 10: 'aB3dE5fG7hJ9kL1'"),
    ],
)
def test_a_log_does_not_tell_the_value_of_a_variable(name: str, value: str, shown: str) -> None:
    redactor = Redactor(b"k" * 32)
    assert redactor.text(TextKind.LOG, shown) == shown
    redactor.token(name, value)
    entry = json.dumps({"MESSAGE": shown})
    for clean in (redactor.text(TextKind.LOG, shown), redactor.journal(entry)):
        assert T.search(clean)
        assert redactor.text(TextKind.LOG, clean) == clean


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLASK_CONFIG", "config.ProductionConfig"),
        ("REDIS_URL", "redis://cache.internal:6379/0"),
        ("JWT_ISSUER", "shop.test"),
        ("DB_PASSWORD", "shop"),
        ("DB_PASSWORD", "postgres"),
        ("SESSION_COOKIE", "8000"),
        ("APP_KEY", "/etc/shop/key"),
        ("DB_HOST", "db1"),
    ],
)
def test_a_log_tells_names_and_addresses(name: str, value: str) -> None:
    redactor = Redactor(b"k" * 32)
    redactor.token(name, value)
    assert redactor.text(TextKind.LOG, f"cannot use '{value}'") == f"cannot use '{value}'"


def test_the_longest_of_the_known_values_is_hidden_first() -> None:
    redactor = Redactor()
    for value in ("Corr3ct-horse", "Corr3ct-horse/battery", "--//--++//"):
        redactor.token("DB_PASSWORD", value)
    text = redactor.text(TextKind.LOG, "bad value Corr3ct-horse/battery (--//--++//), Corr3ct-horse, Corr3ct-horseman")
    assert T.sub("T", text) == "bad value T (T), T, Corr3ct-horseman"


def test_a_log_is_not_searched_for_each_known_value(monkeypatch: pytest.MonkeyPatch) -> None:
    redactor = Redactor()
    for number in range(4000):
        redactor.token(f"PASSWORD_{number}", f"Zq{number * 7919:08}xK")
    text = "[2026-11-22 10:00:00 +0000] [123] [INFO] Booting worker with pid: 123\n" * 40 + "got Zq00007919xK\n"
    searched: list[str] = []
    escape = re.escape

    def escaping(secret: str) -> str:
        searched.append(secret)
        return escape(secret)

    monkeypatch.setattr(re, "escape", escaping)
    assert redactor.text(TextKind.LOG, text).splitlines()[-1].startswith("got <hidden:")
    assert len(searched) == 1


def test_journal_stays_json_and_hides_in_message() -> None:
    entries = [
        {"MESSAGE": f"DATABASE_URL=postgres://u:{CANARY}@db/x", "_PID": "12"},
        {"MESSAGE": list(f"token={CANARY} \xff".encode("latin-1")), "_PID": "13"},
        {"MESSAGE": None, "_PID": "14"},
        {"MESSAGE": "Listening at: unix:/run/x.sock (12)", "_PID": "15"},
    ]
    text = "".join(json.dumps(entry) + "\n" for entry in entries) + '{"MESSAGE": "token=' + CANARY
    clean = R.journal(text)
    assert CANARY not in clean
    lines = clean.split("\n")
    assert len(lines) == 5
    parsed = [json.loads(line) for line in lines[:4]]
    assert [entry["_PID"] for entry in parsed] == ["12", "13", "14", "15"]
    assert isinstance(parsed[1]["MESSAGE"], str)
    assert parsed[2]["MESSAGE"] is None
    assert parsed[3]["MESSAGE"] == "Listening at: unix:/run/x.sock (12)"


def test_outline_is_cleaned() -> None:
    source = f"""
SECRET_KEY = "{CANARY}"
DB = "postgres://u:{CANARY}@h/x"
TOKENS = ["{CANARY}"]
PIN_TOKEN = 12345678
def create_app():
    app = Flask(__name__, static_folder="static")
    app.config["SECRET_KEY"] = "{CANARY}"
    create_engine("postgres://u:{CANARY}@h/x", password="{CANARY}")
    x.config.from_mapping(SECRET_KEY="{CANARY}" + y)
class Config:
    API_TOKEN = f"{CANARY}{{x}}"
"""
    clean = R.outline(outline(source.encode(), "x.py"))
    assert CANARY not in repr(clean)
    assert "12345678" not in repr(clean)
    assert ("static_folder", "static") in next(call for call in clean.calls if call.function == "Flask").keywords


PIECES = st.sampled_from(
    [
        "Environment=", "ExecStart=", "SECRET_KEY=", "password: ", '"', "'", "\\", "\\\n", "\n", "#", " ", "=",
        "-e ", "token", "abc",
        "://u:p@h/", "{", "}", ";", "map $http_token $x {", '"""', "f'", "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "proxy_set_header X-Token ", "raw_env = [", "$'", "\r", "\x0b", "<hidden:0123456789ab>", "?token=",
        "Authorization: ",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30).map("".join), st.sampled_from(list(TextKind)))
def test_any_text_keeps_its_lines(text: str, kind: TextKind) -> None:
    clean = R.text(kind, text)
    assert clean.count("\n") == text.count("\n")
    assert len(clean.split("\n")) == len(text.split("\n"))


SECRETS = st.text("abcXYZ0123456789-_+.~!^*", min_size=12, max_size=40).filter(lambda text: not text.isdecimal())


@given(SECRETS, st.sampled_from(CASES))
def test_any_secret_is_hidden(secret: str, case: tuple[TextKind, str]) -> None:
    kind, template = case
    text = template.replace("{{", chr(1)).replace("}}", chr(2)).replace("{}", "Q" + secret + "9")
    text = text.replace(chr(1), "{").replace(chr(2), "}")
    assert f"Q{secret}9" not in R.text(kind, text)


@pytest.mark.parametrize("text", [case[1] for case in CASES if case[0] is TextKind.PYTHON])
def test_python_still_parses_the_same(text: str) -> None:
    source = (
        text.replace("{{", chr(1)).replace("}}", chr(2)).replace("{}", CANARY).replace(chr(1), "{").replace(chr(2), "}")
    )

    def shape(code: str) -> str:
        tree = ast.parse(code)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant):
                node.value = ""
        return ast.dump(tree)

    assert shape(R.text(TextKind.PYTHON, source)) == shape(source)
