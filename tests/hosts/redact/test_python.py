"""What a text or an outline of Python holds: no string that can become the value of a name, and what facts need."""

from __future__ import annotations

import ast

import pytest

from doctor.grammar.python_source import outline
from doctor.hosts.base import TextKind
from doctor.hosts.redact import Redactor

R = Redactor(b"k" * 32)
CANARY = "canaryPlain7Q4z"

VALUES = [
    'PLAIN = "{}"',
    "PLAIN = b'{}'",
    "PLAIN: str = r'{}'",
    'a = b = PLAIN = "{}"',
    'one, PLAIN = 1, "{}"',
    '[one, *PLAIN] = "{}", "{}"',
    'PLAIN += "{}"',
    'if (PLAIN := "{}"): pass',
    'PLAIN = os.getenv("PLAIN") or "{}"',
    'app.config["PLAIN"] = os.getenv("PLAIN") or "{}"',
    'PLAIN = os.environ["PLAIN"] or "{}"',
    'PLAIN = os.environ["A"] if os.environ["B"] else "{}"',
    'PLAIN = "{}" if DEBUG else os.environ["B"]',
    'PLAIN = os.environ.get("PLAIN", "{}")',
    'PLAIN = os.environ.get("PLAIN", default="{}")',
    'PLAIN = os.environ.pop("PLAIN", "{}")',
    'os.environ.setdefault("PLAIN", "{}")',
    'os.environ["PLAIN"] = "{}"',
    'os.putenv("PLAIN", "{}")',
    'app.config.update(PLAIN=os.environ["J"] or "{}")',
    'app.config.from_mapping(PLAIN="{}")',
    'app.config.from_mapping({{"PLAIN": "{}"}})',
    'app.config |= {{"PLAIN": "{}"}}',
    'setattr(app, "plain", "{}")',
    'getattr(app, "plain", "{}")',
    'vars()["plain"] = "{}"',
    "class Config:\n    PLAIN = '{}'",
    "class Config:\n    PLAIN: str = '{}'\n\n    class Inner:\n        OTHER = os.getenv('X') or '{}'",
    "class Config(Base, plain='{}'): pass",
    'PLAIN = f"{}"',
    'PLAIN = f"{}{{X}}{}"',
    "PLAIN = f\"{{X or '{}'}}\"",
    'PLAIN = f"{{X:{} }}"',
    'PLAIN = rf"""{{X}}\n{}"""',
    'PLAIN = "{}" + X + "{}"',
    'PLAIN = "{}" "{}"',
    'PLAIN = ("{}"\n    "{}")',
    'PLAIN = "%s{}" % X',
    'PLAIN = "{}{{}}".format(X)',
    'PLAIN = "".join(["{}", X])',
    'PLAIN = " ".join(("{}", "{}"))',
    'PLAIN = ["{}", ("{}",), {{"{}"}}]',
    'PLAIN = {{"{}": "shop"}}',
    'PLAIN = {{**X, "a": ["{}"]}}',
    'PLAIN = [x + "{}" for x in y if x != "{}"]',
    'PLAIN = {{x: "{}" for x in "{}"}}',
    'def plain(): return "{}"',
    'async def plain(): yield "{}"',
    'plain = lambda x="{}": "{}"',
    'def plain(a, b="{}", /, c="{}", *, d="{}"): pass',
    '@property\ndef plain(self):\n    """Words."""\n    return os.getenv("X") or "{}"',
    '@signed("{}", plain="{}")\ndef view(): pass',
    'match x:\n    case "{}": y = "{}"\n    case {{"a": "{}"}}: pass',
    'try:\n    PLAIN = os.environ["P"]\nexcept KeyError:\n    PLAIN = "{}"\nfinally:\n    y = "{}"',
    'with open("{}") as f, x(plain="{}"): z = "{}"',
    'for PLAIN in ("{}", "{}"): pass',
    'if x == "{}": pass',
    'assert x, "{}"',
    'raise X("{}") from Y("{}")',
    'connect("db", "shop", "{}")',
    'create_engine("postgres://u:{}@db/x")',
    'print("{}", file=x)',
    'x = base64.b64decode("{}").decode()',
    'return_value = await_(x)["{}" + y]',
    'global_ = x[1:"{}"]',
    'x: "{}" = y',
    'del x["a" + "{}"]',
    'Flask(__name__, instance_path="{}", secret="{}")',
    'bind = "unix:/run/x.sock"\nPLAIN = "{}"',
    'bind = f(password="{}")',
    'bind = "127.0.0.1:80"\nPASSWORD = "{}"\nproc_name = PASSWORD',
    'user = os.getenv("DB_USER") or "{}"',
    'MAPPING = {{"shop": "{}"}}',
    '# PLAIN = "{}"',
    "x = 1  # PLAIN = {}",
    '# app.config["PLAIN"] = {}',
    '# "{}", and more',
    "é = '{}'; PLAIN = '{}'",
    'x = "é" + "{}" + f"é{{y}}{}"',
    'x = """\r\n{}\r\n"""\r\ny = "{}"\r\n',
    "\ufeffPLAIN = '{}'",
    # What does not compile.
    'PLAIN = "{}',
    'PLAIN = """{}\n\n',
    'def broken(:\n    PLAIN = "{}"\n    y = f"{{"\n    z = "{}"',
    "PLAIN = ('{}'\nX = os.getenv('A') or '{}'",
    '<<<<<<< HEAD\nPLAIN = "{}"\n=======\nPLAIN = f"{{x}}{}"\n>>>>>>> x',
    "print 'shop {}'",
    "x = 'a\\\n{}' (",
]


def _filled(template: str) -> str:
    return template.replace("{{", "\1").replace("}}", "\2").replace("{}", CANARY).replace("\1", "{").replace("\2", "}")


@pytest.mark.parametrize("template", VALUES)
def test_no_string_that_can_become_a_value_is_kept(template: str) -> None:
    text = _filled(template)
    assert CANARY in text
    clean = R.text(TextKind.PYTHON, text)
    assert CANARY not in clean
    assert clean.count("\n") == text.count("\n")
    assert R.text(TextKind.PYTHON, clean) == clean


@pytest.mark.parametrize("template", VALUES)
def test_no_outline_keeps_one(template: str) -> None:
    assert CANARY not in repr(R.outline(outline(_filled(template).encode(), "x.py")))


@pytest.mark.parametrize("template", VALUES)
def test_the_syntax_stays(template: str) -> None:
    text = _filled(template)
    try:
        before = ast.parse(text)
    except SyntaxError:
        return
    after = ast.parse(R.text(TextKind.PYTHON, text))
    for tree in (before, after):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant):
                node.value = ""
    assert ast.dump(before) == ast.dump(after)


KEPT = [
    'bind = f"unix:{RUN}/gunicorn.sock"\nRUN = os.getenv("RUN", "/run/shop")',
    'workers = int(os.environ.get("WEB_CONCURRENCY", "3"))',
    'BASE = Path("/srv/shop")\nchdir = str(BASE / "current")\nwsgi_app = "shop:create_app()"',
    'if os.environ.get("X"):\n    bind = "127.0.0.1:8000"\nelse:\n    bind = ["127.0.0.1:8001", "unix:/run/y.sock"]',
    'bind = "0.0.0.0:8000"\nuser = "www-data"\ngroup = "www-data"',
    'worker_class = "uvicorn.workers.UvicornWorker"\nerrorlog = "-"\naccesslog = "/var/log/shop/access.log"',
    'SECRET_KEY = os.environ["SECRET_KEY"]',
    'app.config["MAX_CONTENT_LENGTH"] = 16 * 1024 * 1024',
    'app = Flask(__name__, static_folder="assets", static_url_path="/files")',
    'importlib.import_module("views")',
    'PLUGINS = ["shop.plugins.pay", "shop.plugins.mail"]',
    'app.config.from_object("config.ProductionConfig")',
    '@app.route("/healthz")\ndef healthz(): return ok',
    '@app.get("/v1/items/<int:number>")\ndef item(): return ok',
    'if __name__ == "__main__":\n    app.run(host="127.0.0.1", port=8000)',
    '__all__ = ["app", "create_app"]',
    '"""The shop.\n\nIts pages."""',
    "MAPPING: dict[str, str] = {'shop': '/srv/shop/src/shop'}",
    "# The workers of the shop",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_facts_need_is_kept(text: str) -> None:
    assert R.text(TextKind.PYTHON, text + "\n") == text + "\n"


def test_an_outline_keeps_what_facts_need() -> None:
    source = (
        'RUN = os.getenv("RUN", "/run/shop")\nbind = f"unix:{RUN}/x.sock"\nraw_env = ["A=b", f"C={RUN}"]\n'
        'app = Flask(__name__, static_folder="assets")\napp.config["MAX_CONTENT_LENGTH"] = 1024\n'
        'app.add_url_rule("/version")\napp.add_url_rule("/hook/8Xy77aQQzz0")\n'
    )
    clean = repr(R.outline(outline(source.encode(), "x.py")))
    for kept in ("/run/shop", "unix:{RUN}/x.sock", "assets", "1024", "'/version'", "'MAX_CONTENT_LENGTH'"):
        assert kept in clean
    assert "A=b" not in clean
    assert "8Xy77" not in clean


def test_a_number_of_a_secret_name_is_hidden() -> None:
    clean = R.text(TextKind.PYTHON, "ADMIN_TOKEN = 82736455\nPORT = 8000\n")
    assert "82736455" not in clean
    assert clean.endswith("PORT = 8000\n")
    ast.parse(clean)
