"""Secrets planted everywhere a deployment keeps them, each with a canary in it that can be looked for in an output."""

from __future__ import annotations

from dataclasses import replace

from planted import MARK, Where, texts

from lab import shapes
from lab.machine import Machine


def canary(place: str) -> str:
    """A value without a telling shape, so that only the place it stands in says that it is secret."""
    return f"{MARK}{place}7Q4z"


ENV_FILE = f"""\
SECRET_KEY={canary("Key")}
DATABASE_URL=postgresql://shop:{canary("Url")}@db.internal:5432/shop
PLAIN={canary("Plain")}
STRIPE="{canary("Quoted")} and {canary("Blank")}"
PEM="-----BEGIN RSA PRIVATE KEY-----
{canary("Pem")}AAAABBBBCCCCDDDD
-----END RSA PRIVATE KEY-----"
SPLIT=first{canary("Split")}\\
second{canary("Continued")}
export EXPORTED={canary("Exported")}
; DISABLED={canary("Comment")}
not an assignment {canary("Junk")}
HOME_MADE = {canary("Spaced")}
"""

DROP_IN = f"""\
[Service]
Environment=API_TOKEN={canary("DropIn")} "MAIL_PASSWORD={canary("DropInQuoted")} {canary("DropInBlank")}"
Environment='SENTRY={canary("Single")}'
Environment=GUNICORN_CMD_ARGS="--env FROM_ARGS={canary("CmdArgs")}"
"""

SETTINGS = f"""\
raw_env = ["BROKER=amqp://shop:{canary("RawUrl")}@mq:5672//", "LICENCE={canary("Raw")}"]
api_key = "{canary("Setting")}"


def on_starting(server):
    server.log.info("password=%s", "{canary("Hook")}")
"""

SOURCE = f"""
SECRET_KEY = "{canary("Source")}"
app.config.from_mapping(DB="mysql://shop:{canary("SourceUrl")}@db/shop", MAIL_PASSWORD='{canary("Mail")}')
app.secret_key = f"{canary("Formatted")}{{SECRET_KEY}}"
os.environ.setdefault("PAYMENT_TOKEN", "{canary("Default")}")
JWT_SECRET = os.environ.get("JWT_SECRET", "{canary("Fallback")}")
app.config["SESSION_COOKIE"] = (
    "{canary("Wrapped")}"
)
for words in (
    "connecting to postgresql://shop:{canary("Printed")}@db/shop",
    "DATABASE_URL=redis://:{canary("Logged")}@cache/0 password: {canary("LoggedName")}",
    {{"SECRET_KEY": "{canary("Dict")}", "headers": "Authorization: Bearer {canary("Bearer")}"}},
):
    print(words, file=sys.stderr, flush=True)
"""

FAILURE = f"""
DATABASE_URL = "postgresql://shop:{canary("Trace")}@db/shop"
SETTINGS = {{"password": "{canary("TraceDict")}"}}
told = os.environ["SECRET_KEY"], os.environ["PLAIN"], os.environ["PAYMENT_KEY"]
raise RuntimeError(f"cannot connect to {{DATABASE_URL}} with {{SETTINGS}}", "token={canary("Raised")}", *told)
"""

LOCATIONS = f"""
    # proxy_set_header Authorization "Bearer {canary("Commented")}";
    set $backend_token {canary("Set")};

    location /api/ {{
        proxy_set_header Authorization "Basic {canary("Basic")}";
        proxy_set_header X-Api-Key {canary("ApiKey")};
        proxy_set_header X-Auth-Token '{canary("AuthToken")}';
        proxy_set_header Cookie "session={canary("Cookie")}; id={canary("CookieId")}";
        proxy_set_header X-Origin-Verify {canary("Verify")};
        proxy_set_header
            X-Auth-Token
            {canary("Lines")};
        proxy_set_body '{{"password":"{canary("Body")}"}}';
        add_header X-Secret "{canary("Added")}" always;
        if ($http_x_token = "{canary("If")}") {{ return 204; }}
        proxy_pass http://shop/?api_key={canary("Query")}&n=1;
    }}

    location /old/ {{
        auth_basic "shop";
        auth_basic_user_file /etc/nginx/htpasswd;
        return 301 https://shop:{canary("Redirect")}@old.test/?token={canary("RedirectQuery")};
    }}

    location /signed/ {{
        secure_link $arg_md5,$arg_expires;
        secure_link_md5 "$secure_link_expires$uri {canary("Link")}";
        if ($secure_link = "") {{ return 403; }}
    }}
"""

MAP = f"""\
map $http_x_api_key $api_client {{
    default "";
    "{canary("Map")}" shop;
}}
map $arg_token $token_known {{ default 0; {canary("MapLine")} 1; }}
map $host $backend_password {{ default "{canary("MapValue")}"; }}
"""

START = f"""\
#!/bin/bash
export DB_PASSWORD={canary("Script")}
PAYMENT_KEY="{canary("ScriptQuoted")}"
export PAYMENT_KEY
exec /srv/shop/venv/bin/gunicorn "$@"
"""


FILES = {
    "compose.yaml": Where.COMPOSE, "Dockerfile": Where.DOCKERFILE, "supervisor.conf": Where.SUPERVISOR,
    "deploy.sh": Where.SCRIPT,
}  # fmt: skip
"""Beside the code, each with what is planted in its kind of file."""

SERVER = "\n".join(texts(Where.SERVER))


def _code() -> str:
    """What is planted in code, and what it prints of each kind of log line."""
    lines = [line for text in texts(Where.LOG) for line in text.split("\n")]
    told = f"for line in {lines!r}:\n    print(line, file=sys.stderr, flush=True)\n"
    return "\n".join(texts(Where.CODE)) + "\n" + told


def deploy(m: Machine) -> None:
    """A shop that serves, with a secret in every place."""
    options = (
        f"-e ADMIN_PASSWORD={canary('Option')} --env=INLINE={canary('OptionInline')} "
        f"--env 'WORDS={canary('OptionQuoted')} {canary('OptionBlank')}'"
    )
    app = replace(
        shapes.SHOP,
        options=options,
        command="/srv/shop/start.sh {arguments}",
        service={
            "Environment": f'UNIT_TOKEN={canary("Unit")} "TWO={canary("UnitQuoted")} words"',
            "ExecStartPre": f"/usr/bin/env CHECK_TOKEN={canary('Pre')} /bin/true --password {canary('PrePassword')}",
        },
    )
    shapes.put_app(m, app)
    current = "/srv/shop/current"
    m.write("/etc/shop.env", ENV_FILE, mode=0o600)
    m.write("/etc/nginx/htpasswd", f"shop:{canary('Htpasswd')}\n", mode=0o644)
    m.write("/etc/nginx/conf.d/clients.conf", MAP)
    m.write("/etc/systemd/system/shop.service.d/secrets.conf", DROP_IN)
    m.write("/srv/shop/start.sh", START, mode=0o755)
    m.write(f"{current}/gunicorn.conf.py", SETTINGS + "\nimport os\n" + "\n".join(texts(Where.SETTINGS)[1:2]) + "\n")
    for name, place in FILES.items():
        m.write(f"{current}/{name}", "\n".join(texts(place)) + "\n")
    m.write("/etc/systemd/system/shop.service.d/kinds.conf", "[Service]\n" + "\n".join(texts(Where.UNIT)) + "\n")
    m.write("/etc/nginx/conf.d/kinds.conf", "\n".join(texts(Where.HTTP)).replace("$client", "$other_client") + "\n")
    m.write(f"{current}/.env", f"SECRET_KEY={canary('DotEnv')}\n")
    m.write(
        f"{current}/requirements.txt",
        f"--index-url https://shop:{canary('Index')}@packages.internal/simple\nflask\ngunicorn\n"
        f"git+https://{canary('Git')}@git.internal/shop.git\n",
    )
    m.write(
        f"{current}/.git/config", f'[remote "origin"]\n\turl = https://shop:{canary("Remote")}@git.internal/shop.git\n'
    )
    m.write(f"{current}/wsgi.py", "import os\nimport sys\n" + m.read(f"{current}/wsgi.py") + SOURCE + _code())
    shapes.put_unit(m, app.unit, app.unit_text())
    m.run(("systemctl", "enable", "-q", "--now", app.unit))
    site = app.site_text().replace("    location / {", f"{LOCATIONS}\n{SERVER}\n    location / {{")
    shapes.put_site(m, app.name, site)
    shapes.serves(m, shapes.FIRST)
    words = f"mysqldump -ushop -p{canary('Attached')} --auth {canary('Auth')} shop"
    m.sh(f"setsid bash -c 'sleep 600; true' {words} </dev/null >/dev/null 2>&1 &")


def break_it(m: Machine) -> None:
    """The app no longer imports, tells its secrets while it dies, and nginx logs those of the requests."""
    m.write("/srv/shop/current/wsgi.py", m.read("/srv/shop/current/wsgi.py") + FAILURE)
    m.sh("systemctl restart shop || true")
    m.wait_until("the app dies", lambda: "Worker failed to boot" in m.journal("shop.service"))
    m.sh("systemctl stop shop; rm -f /run/shop/gunicorn.sock")
    target = f"/reset?token={canary('RequestToken')}&code={canary('RequestCode')}"
    referrer = f"https://shop:{canary('Referrer')}@shop.test/?session={canary('ReferrerQuery')}"
    m.http(target, options=("-H", f"Referer: {referrer}"))
    m.http(f"/x?api_key={canary('RequestKey')}&password={canary('RequestPassword')}")


PLANTED = {
    "/etc/shop.env": "cat /etc/shop.env",
    "the unit": "systemctl cat shop.service; systemctl show shop.service",
    "the command line": "ps -C gunicorn -o args",
    "the environment": "cat /proc/$(systemctl show --value -p MainPID shop)/environ | tr '\\0' '\\n'",
    "another program": "ps -C bash -o args",
    "the journal": "journalctl --sync; journalctl -o cat -u shop",
    "nginx": "nginx -T",
}
"""Where a person would see them: what proves that they are there to be found."""
