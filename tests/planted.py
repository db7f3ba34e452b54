"""Kinds of secrets, and where people put them: one line each. `{}` in the text is the secret.

Looked for by the plain suite in what the redactor and a check of files tell (tests/hosts/scenarios/test_planted.py),
and on a real machine in everything the doctor writes (tests/lab/test_promises.py).
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from doctor.hosts.base import TextKind

MARK = "canary"
"""Part of every planted value, and of nothing else."""


class Where(Enum):
    """A place of secrets, with the kind of text that it is."""

    CODE = TextKind.PYTHON, "code of the app"
    BROKEN_CODE = TextKind.PYTHON, "code that does not compile"
    SETTINGS = TextKind.PYTHON, "gunicorn.conf.py"
    UNIT = TextKind.UNIT, "the [Service] section of a unit"
    SERVER = TextKind.NGINX, "a server block"
    BROKEN_SERVER = TextKind.NGINX, "a server block that nginx refuses"
    HTTP = TextKind.NGINX, "the http block"
    COMPOSE = TextKind.PLAIN, "compose.yaml"
    DOCKERFILE = TextKind.PLAIN, "Dockerfile"
    SUPERVISOR = TextKind.PLAIN, "a supervisor configuration"
    SCRIPT = TextKind.PLAIN, "a start script"
    PLAIN = TextKind.PLAIN, "another file"
    LOG = TextKind.LOG, "what the app prints"
    ERROR_LOG = TextKind.LOG, "nginx's error log"

    @property
    def text(self) -> TextKind:
        """How the redactor is told to read it."""
        return self.value[0]


class Kind(NamedTuple):
    """One kind: a secret in a line of a place."""

    where: Where
    template: str

    def filled(self, number: int) -> str:
        """With a secret that no shape gives away."""
        marked = self.template.replace("{{", "\1").replace("}}", "\2").replace("{}", secret(number))
        return marked.replace("\1", "{").replace("\2", "}")


def secret(number: int) -> str:
    """The value of the kind of this number."""
    return f"{MARK}Kind{number}Q7z"


W = Where
KINDS = [
    Kind(W.CODE, 'P01 = "{}"'),
    Kind(W.CODE, 'P02 = os.getenv("P02") or "{}"'),
    Kind(W.CODE, 'P03 = os.environ.get("P03", "{}")'),
    Kind(W.CODE, 'P04 = "{}" if os.environ.get("P04") is None else os.environ["P04"]'),
    Kind(W.CODE, 'app.config["SECRET_KEY"] = os.getenv("SECRET_KEY") or "{}"'),
    Kind(W.CODE, 'app.config.update(PLAIN_SETTING=os.getenv("J") or "{}")'),
    Kind(W.CODE, 'app.config.from_mapping({{"OTHER_SETTING": "{}"}})'),
    Kind(W.CODE, 'os.environ.setdefault("P08", "{}")'),
    Kind(W.CODE, "class Config:\n    P09 = '{}'\n    p10: str = '{}'"),
    Kind(W.CODE, 'P11 = b"{}"'),
    Kind(W.CODE, 'P12 = f"{}{{__name__}}"'),
    Kind(W.CODE, 'P13 = "".join(["{}", __name__])'),
    Kind(W.CODE, "P14, P15 = '{}', '{}'"),
    Kind(W.CODE, "if (p16 := '{}'): pass"),
    Kind(W.CODE, 'def p17(a, b="{}"): return "{}" + a + b'),
    Kind(W.CODE, "p18 = lambda: '{}'"),
    Kind(W.CODE, 'setattr(app, "plain", "{}")'),
    Kind(W.CODE, 'P20 = {{"{}": ["{}"]}}'),
    Kind(W.CODE, "# P21 = '{}'"),
    Kind(W.CODE, 'P22 = """\n{}\n"""'),
    Kind(W.CODE, 'P23 = os.environ.get("P23", default_of) if (default_of := "{}") else None'),
    Kind(W.CODE, 'P24 = "postgresql://shop:{}@db.internal/shop"'),
    Kind(W.BROKEN_CODE, 'def broken(:\n    P25 = "{}"'),
    Kind(W.BROKEN_CODE, "P26 = ('{}'\nP27 = os.getenv('X') or f'{}'"),
    Kind(W.SETTINGS, 'raw_env = ["P28={}", "P29=amqp://shop:{}@mq:5672//"]'),
    Kind(W.SETTINGS, 'p30 = os.environ.get("P30") or "{}"'),
    Kind(W.SETTINGS, 'logconfig_dict = {{"handlers": {{"x": {{"plain": "{}"}}}}}}'),
    Kind(W.SETTINGS, 'def on_starting(server):\n    server.log.info("plain %s", "{}")'),
    Kind(W.UNIT, "Environment=P33={}"),
    Kind(W.UNIT, 'Environment="P34={} and {}" P35=\'{}\''),
    Kind(W.UNIT, "Environment=P36=a \\\n    P37={}"),
    Kind(W.UNIT, "Enviroment=P38={}"),
    Kind(W.UNIT, "Environement=P39={} P40={}"),
    Kind(W.UNIT, "environment=P41={}"),
    Kind(W.UNIT, "UMask=0022 Environment=P42={}"),
    Kind(W.UNIT, "# Environment=SECRET_KEY={}"),
    Kind(W.UNIT, "ExecStartPre=-/usr/bin/env P43={} /bin/true"),
    Kind(W.UNIT, "ExecStartPre=-/bin/sh -c 'P44={} true; curl -u shop:{} http://127.0.0.1:1/'"),
    Kind(W.UNIT, "ExecStartPre=-/bin/true --password {} --api-token={}"),
    Kind(W.UNIT, "UnsetEnvironment=P45={}"),
    Kind(W.UNIT, "DeployToken={}"),
    Kind(W.UNIT, "Deploy={}"),
    Kind(W.SERVER, "proxy_set_header Authorization 'Bearer {}';"),
    Kind(W.SERVER, "proxy_set_header X-Origin-Verify {};"),
    Kind(W.SERVER, "set $plain_value {};"),
    Kind(W.SERVER, "uwsgi_param SHOP_PLAIN '{}';"),
    Kind(W.SERVER, 'if ($arg_token = "{}") {{ return 204; }}'),
    Kind(W.BROKEN_SERVER, "location /p51/ {{ proxy_pass http://shop:{}@127.0.0.1:1/; }}"),
    Kind(W.SERVER, "location /p52/ {{ return 301 https://shop.test/?token={}; }}"),
    Kind(W.SERVER, "location /p53/ {{ proxy_set_header Cookie session={}; proxy_pass http://127.0.0.1:1; }}"),
    Kind(W.BROKEN_SERVER, "proxy_set_header X-Plain {}"),
    Kind(W.BROKEN_SERVER, "set $plain '{}'\n"),
    Kind(W.HTTP, 'map $http_x_api_key $client {{ default ""; "{}" shop; }}'),
    Kind(W.COMPOSE, "services:\n  shop:\n    image: x\n    environment:\n      P57: {}\n      P58: '{} a'  # why"),
    Kind(W.COMPOSE, "    environment:\n      - P59={}\n      - 'P60={}'"),
    Kind(W.DOCKERFILE, "ENV P61={}"),
    Kind(W.DOCKERFILE, 'ENV P62="{}" P63={}'),
    Kind(W.DOCKERFILE, "ENV P64 {} words"),
    Kind(W.DOCKERFILE, "ARG P65={}"),
    Kind(W.DOCKERFILE, "RUN P66={} pip install --index-url https://shop:{}@packages.test/simple shop"),
    Kind(W.SUPERVISOR, '[program:shop]\nenvironment=P67="{}",P68="{}"'),
    Kind(W.SCRIPT, "export P69={}; exec gunicorn"),
    Kind(W.SCRIPT, 'P70="{}"\nexport P70'),
    Kind(W.SCRIPT, "PGPASSWORD={} psql -c 'select 1'"),
    Kind(W.SCRIPT, "mysqldump -ushop -p{} shop"),
    Kind(W.SCRIPT, "curl -H 'Authorization: token {}' https://shop.test/"),
    Kind(W.PLAIN, '[remote "origin"]\n\turl = https://shop:{}@git.test/shop.git'),
    Kind(W.PLAIN, "--index-url https://shop:{}@packages.test/simple"),
    Kind(W.LOG, "connecting to redis://:{}@cache/0 with password: {}"),
    Kind(W.LOG, "Set-Cookie: session={}; Path=/"),
    Kind(W.LOG, '  File "/srv/shop/wsgi.py", line 9, in <module>\n    P78 = os.getenv("P78") or "{}"'),
    Kind(W.LOG, '  File "/srv/shop/wsgi.py", line 9, in <module>\n    if check("{}"):'),
    Kind(W.LOG, "{{'HTTP_AUTHORIZATION': 'Basic {}', 'HTTP_COOKIE': 'a={}'}}"),
    Kind(W.LOG, "shop.service: Ignoring invalid environment assignment 'export P79={}': /etc/shop.env"),
    Kind(W.ERROR_LOG, '2026/11/30 10:00:00 [error] 1#1: *1 x, request: "GET /?token={}&code={} HTTP/1.1"'),
    Kind(W.ERROR_LOG, '2026/11/30 10:00:00 [error] 1#1: *1 x, referrer: "https://a:{}@shop.test/?session={}"'),
]  # fmt: skip


def texts(*places: Where) -> list[str]:
    """What is planted in some places, each with its own secret."""
    return [kind.filled(number) for number, kind in enumerate(KINDS) if kind.where in places]
