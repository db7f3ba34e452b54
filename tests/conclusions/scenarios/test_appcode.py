"""Would the app import? Said without importing, compared with what an import really does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from factories import make

from doctor.cause import Cause
from doctor.conclusions import appcode
from doctor.facts.value import Absent, Fact, Known, Place, Unknown
from doctor.hosts.live import LiveHost
from doctor.servers.gunicorn.model import Gunicorn, Settings
from doctor.servers.gunicorn.plan import plan
from doctor.sources.systemd import Unit
from doctor.sources.variables import Variable

NONE: Known[frozenset[str]] = Known(frozenset())

TRUTH = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
module, name, call = sys.argv[2], sys.argv[3], sys.argv[4]
app = getattr(importlib.import_module(module), name)
if call: app = app()
assert callable(app)
"""

FLASK = "class Flask:\n    def __init__(self, *a, **k): self.config = {}\n    def __call__(self, e, s): return []\n"


@pytest.fixture(scope="session")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = next(folder.glob("lib/python3*/site-packages"))
    elsewhere = folder.parent / "elsewhere"
    (elsewhere / "src" / "mapped").mkdir(parents=True)
    (elsewhere / "src" / "mapped" / "__init__.py").write_text("x = 1\n")
    (elsewhere / "plain").mkdir()
    (elsewhere / "plain" / "added.py").write_text("y = 2\n")
    (site / "flask").mkdir()
    (site / "flask" / "__init__.py").write_text(FLASK)
    (site / "single.py").write_text("def make(): ...\n")
    (site / "space" / "one").mkdir(parents=True)
    (site / "space" / "one" / "__init__.py").write_text("")
    (site / "lazy.py").write_text(
        "import sys, types\nsys.modules['lazy.moves'] = types.ModuleType('lazy.moves')\n__path__ = []\n"
    )
    (site / "paths.pth").write_text(f"# a comment\n{elsewhere}/plain\n")
    (site / "__editable__.mapped-1.0.pth").write_text(
        "import __editable___mapped_1_0_finder; __editable___mapped_1_0_finder.install()"
    )
    (site / "__editable___mapped_1_0_finder.py").write_text(
        f"from __future__ import annotations\nimport sys, importlib.util\nfrom importlib.machinery import ModuleSpec\n"
        f"MAPPING: dict[str, str] = {{'mapped': '{elsewhere}/src/mapped'}}\n"
        "class F:\n    @classmethod\n    def find_spec(cls, name, path=None, target=None):\n"
        "        if name in MAPPING:\n            return importlib.util.spec_from_file_location(name, MAPPING[name] + '/__init__.py')\n"
        "def install(): sys.meta_path.append(F)\n"
    )
    return folder


def read(
    directory: Path, venv: Path, wsgi_app: str, declared: Fact[frozenset[str]] = NONE, **settings: object
) -> appcode.AppCode:
    gunicorn = make(Gunicorn, settings=make(Settings, wsgi_app=Known(wsgi_app), **settings), venv=Known(str(venv)))
    return appcode.collect(LiveHost(), gunicorn, Absent(), Known(str(directory)), declared, Absent())


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


APP = "from flask import Flask\napp = Flask(__name__)\n"

# ruff: noqa: E501
LAYOUTS: dict[str, tuple[dict[str, str], str]] = {
    "one file": ({"wsgi.py": APP}, "wsgi:app"),
    "default name": ({"wsgi.py": "from flask import Flask\napplication = Flask(__name__)\n"}, "wsgi"),
    "default name missing": ({"wsgi.py": APP}, "wsgi"),
    "wrong name": ({"wsgi.py": APP}, "wsgi:application"),
    "wrong module": ({"wsgi.py": APP}, "app:app"),
    "alias": ({"shop.py": APP, "wsgi.py": "from shop import app as application\n"}, "wsgi:application"),
    "package": ({"shop/__init__.py": APP + "from shop import views\n", "shop/views.py": "from . import app\n"}, "shop:app"),
    "relative above": ({"shop/__init__.py": APP + "from .. import x\n"}, "shop:app"),
    "missing submodule": ({"shop/__init__.py": APP + "from shop import views\n"}, "shop:app"),
    "missing dotted": ({"shop/__init__.py": APP + "import shop.views\n"}, "shop:app"),
    "name gone": ({"shop/__init__.py": APP + "from .db import connect\n", "shop/db.py": "def open(): ...\n"}, "shop:app"),
    "name by star": ({"wsgi.py": APP + "from a import connect\n", "a.py": "from b import *\n", "b.py": "def connect(): ...\n"}, "wsgi:app"),
    "factory": ({"shop.py": "from flask import Flask\ndef create_app():\n    return Flask(__name__)\n"}, "shop:create_app()"),
    "factory with arguments": ({"shop.py": "def create_app(config):\n    return print\n"}, "shop:create_app()"),
    "factory imports": (
        {"shop/__init__.py": "def create_app():\n    from .views import bp\n    from flask import Flask\n    return Flask()\n",
         "shop/views.py": "import nowhere\nbp = 1\n"},
        "shop:create_app()",
    ),
    "factory called in a module": (
        {"wsgi.py": "from shop import create_app\napp = create_app()\n",
         "shop/__init__.py": "from flask import Flask\ndef create_app():\n    import nowhere\n    return Flask()\n"},
        "wsgi:app",
    ),
    "function not called": ({"wsgi.py": APP + "def later():\n    import nowhere\n"}, "wsgi:app"),
    "missing package": ({"wsgi.py": "import sqlalchemy\n" + APP}, "wsgi:app"),
    "missing in a package of its own": ({"shop/__init__.py": APP + "from shop.db import session\n", "shop/db.py": "import psycopg2.extras\nsession = 1\n"}, "shop:app"),
    "optional": ({"wsgi.py": APP + "try:\n    import ujson\nexcept ImportError:\n    ujson = None\n"}, "wsgi:app"),
    "optional that raises": ({"wsgi.py": APP + "try:\n    import ujson\nexcept ValueError:\n    ujson = None\n"}, "wsgi:app"),
    "other branch": ({"wsgi.py": APP + "import sys\nif sys.version_info < (3, 3):\n    import tomli\n"}, "wsgi:app"),
    "type checking": ({"wsgi.py": APP + "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import nowhere\n"}, "wsgi:app"),
    "syntax": ({"wsgi.py": APP + "def f(:\n    pass\n"}, "wsgi:app"),
    "syntax in an import": ({"wsgi.py": APP + "import helper\n", "helper.py": "x = [1,\n"}, "wsgi:app"),
    "conflict": ({"wsgi.py": APP + "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> new\n"}, "wsgi:app"),
    "standard library": ({"wsgi.py": "import os.path, json, sqlite3, math, time, xml.etree.ElementTree, zoneinfo, _thread\n" + APP}, "wsgi:app"),
    "standard library of old": ({"wsgi.py": APP + "import nonesuch_stdlib\n"}, "wsgi:app"),
    "module": ({"wsgi.py": APP + "from single import make\n"}, "wsgi:app"),
    "namespace": ({"wsgi.py": APP + "import space.one\nfrom space import one\n"}, "wsgi:app"),
    "namespace missing": ({"wsgi.py": APP + "import space.two\n"}, "wsgi:app"),
    "own namespace": ({"wsgi.py": APP + "from jobs import mail\nimport jobs.sms\n", "jobs/mail.py": "", "jobs/sms.py": ""}, "wsgi:app"),
    "own namespace missing": ({"wsgi.py": APP + "from jobs import post\n", "jobs/mail.py": ""}, "wsgi:app"),
    "made by code": ({"wsgi.py": APP + "import lazy\nimport lazy.moves\n"}, "wsgi:app"),
    "path file": ({"wsgi.py": APP + "import added\n"}, "wsgi:app"),
    "editable": ({"wsgi.py": APP + "from mapped import x\n"}, "wsgi:app"),
    "editable, name gone": ({"wsgi.py": APP + "from mapped import gone\n"}, "wsgi:app"),
    "shadowed": ({"wsgi.py": "import flask\napp = flask.Flask()\n", "flask.py": "def Flask(): return print\n"}, "wsgi:app"),
    "variable": ({"wsgi.py": "import os\nurl = os.environ['FD_TEST_URL']\n" + APP}, "wsgi:app"),
    "variable with default": ({"wsgi.py": "import os\nurl = os.environ.get('FD_TEST_URL', '')\n" + APP}, "wsgi:app"),
    "variable in a factory": ({"wsgi.py": "import os\ndef create_app():\n    return os.environ['FD_TEST_URL'] and print\napp = create_app()\n"}, "wsgi:app"),
    "variable in a class": ({"wsgi.py": APP + "from config import C\n", "config.py": "import os\nclass C:\n    KEY = os.environ['FD_TEST_KEY']\n"}, "wsgi:app"),
    "caught variable": ({"wsgi.py": "import os\ntry:\n    url = os.environ['FD_TEST_URL']\nexcept KeyError:\n    url = ''\n" + APP}, "wsgi:app"),
    "circular": ({"shop/__init__.py": "from flask import Flask\napp = Flask()\nfrom shop import a\n", "shop/a.py": "from shop import app, b\n", "shop/b.py": "from . import a\n"}, "shop:app"),
    "dunder": ({"wsgi.py": APP + "from shop import __version__\n", "shop/__init__.py": "__version__ = '1'\n"}, "wsgi:app"),
    "module getattr": ({"wsgi.py": APP + "from late import thing\n", "late.py": "def __getattr__(name): return 1\n"}, "wsgi:app"),
    "loop variable": ({"wsgi.py": APP + "from names import key\n", "names.py": "for key, value in {1: 2}.items(): pass\n"}, "wsgi:app"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_verdict_is_what_an_import_says(name: str, tmp_path: Path, venv: Path) -> None:
    files, wsgi_app = LAYOUTS[name]
    write(tmp_path, files)
    module, _, attribute = wsgi_app.partition(":")
    code = read(tmp_path, venv, wsgi_app)
    call = "yes" if attribute.endswith("()") else ""
    run = subprocess.run(
        [
            str(venv / "bin/python"),
            "-B",
            "-c",
            TRUTH,
            str(tmp_path),
            module,
            attribute.rstrip("()") or "application",
            call,
        ],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    starts = run.returncode == 0
    assert isinstance(code.boot_blocker, Absent if starts else Known), (code.boot_blocker, run.stderr)
    assert not list(tmp_path.rglob("__pycache__"))


def test_problems_say_where(tmp_path: Path, venv: Path) -> None:
    write(
        tmp_path,
        {
            "wsgi.py": APP + "from shop.db import session\n",
            "shop/__init__.py": "",
            "shop/db.py": "\nimport psycopg2.extras\nsession = 1\n",
        },
    )
    code = read(tmp_path, venv, "wsgi:app")
    assert isinstance(code.missing_module, Known)
    assert code.missing_module.value == "psycopg2"
    place = code.missing_module.places[0]
    assert (place.path, place.line, place.text) == (f"{tmp_path}/shop/db.py", 2, "import psycopg2.extras")
    assert isinstance(code.boot_blocker, Known)
    assert code.boot_blocker.value == f"{tmp_path}/shop/db.py:2 imports psycopg2, which is not installed"


def test_wrong_name_offers_what_is_there(tmp_path: Path, venv: Path) -> None:
    write(tmp_path, {"wsgi.py": APP})
    code = read(tmp_path, venv, "wsgi:server")
    assert isinstance(code.entry_problem, Known)
    assert code.entry_problem.value == f"{tmp_path}/wsgi.py does not define server; it defines app"


def test_factory_without_parentheses(tmp_path: Path, venv: Path) -> None:
    write(tmp_path, {"shop.py": "def create_app(config=None):\n    return print\n"})
    code = read(tmp_path, venv, "shop:create_app")
    assert isinstance(code.entry_problem, Known)
    assert "write shop:create_app()" in code.entry_problem.value


def test_lazy_syntax_error_is_seen_but_does_not_stop_the_start(tmp_path: Path, venv: Path) -> None:
    write(tmp_path, {"wsgi.py": APP + "def later():\n    import broken\n", "broken.py": "x = (\n"})
    code = read(tmp_path, venv, "wsgi:app")
    assert isinstance(code.syntax_error, Known)
    assert isinstance(code.boot_blocker, Absent)


def test_variables_the_unit_sets_are_not_missing(tmp_path: Path, venv: Path) -> None:
    write(tmp_path, {"wsgi.py": "import os\na = os.environ['A_URL']\nb = os.environ['B_URL']\n" + APP})
    code = read(tmp_path, venv, "wsgi:app", Known(frozenset({"A_URL"})))
    assert isinstance(code.missing_variables, Known)
    assert code.missing_variables.value == ("B_URL",)
    assert code.required_by == Known(f"{tmp_path}/wsgi.py:3", code.missing_variables.places[:1])
    assert isinstance(read(tmp_path, venv, "wsgi:app", Unknown("no", Cause.AMBIGUOUS)).boot_blocker, Unknown)


def test_dotenv(tmp_path: Path, venv: Path) -> None:
    site = next(venv.glob("lib/python3*/site-packages"))
    (site / "dotenv.py").write_text("def load_dotenv(): ...\n")
    write(
        tmp_path,
        {"wsgi.py": "import os\nfrom dotenv import load_dotenv\nload_dotenv()\na = os.environ['A_URL']\n" + APP},
    )
    assert isinstance(read(tmp_path, venv, "wsgi:app").missing_variables, Unknown)
    (tmp_path / ".env").write_text("export A_URL=x\n")
    code = read(tmp_path, venv, "wsgi:app")
    assert isinstance(code.missing_variables, Absent)
    assert isinstance(code.loads_dotenv, Known)
    assert code.loads_dotenv.value


def test_what_the_app_says_of_itself(tmp_path: Path, venv: Path) -> None:
    write(
        tmp_path,
        {
            "shop/__init__.py": "from flask import Flask\n"
            "app = Flask(__name__, static_folder='../assets', static_url_path='/files')\n"
            "app.config['MAX_CONTENT_LENGTH'] = 16 * 1024 * 1024\n"
            "@app.get('/version')\ndef version(): ...\n"
        },
    )
    code = read(tmp_path, venv, "shop:app")
    assert isinstance(code.static_folder, Known)
    assert code.static_folder.value == f"{tmp_path}/assets"
    assert isinstance(code.static_url, Known)
    assert code.static_url.value == "/files"
    assert isinstance(code.version_route, Known)
    assert isinstance(code.upload_limit, Known)
    assert code.upload_limit.value == 16 << 20


def test_default_static_folder_is_beside_the_module(tmp_path: Path, venv: Path) -> None:
    write(tmp_path, {"shop/__init__.py": "from .main import app\n", "shop/main.py": APP})
    code = read(tmp_path, venv, "shop:app")
    assert isinstance(code.static_folder, Known)
    assert code.static_folder.value == f"{tmp_path}/shop/static"
    assert isinstance(code.upload_limit, Absent)


def test_pythonpath_settings(tmp_path: Path, venv: Path) -> None:
    write(tmp_path, {"src/shop.py": APP})
    assert isinstance(read(tmp_path, venv, "shop:app").entry_problem, Known)
    assert isinstance(read(tmp_path, venv, "shop:app", pythonpath=Known("src")).boot_blocker, Absent)
    assert isinstance(read(tmp_path, venv, "shop:app", pythonpath=Unknown("x", Cause.AMBIGUOUS)).entry_problem, Unknown)


def test_relative_pythonpath_of_the_unit(tmp_path: Path, venv: Path) -> None:
    write(tmp_path, {"src/shop.py": APP, "wsgi.py": "import nowhere\nfrom shop import app\n"})
    unit = make(Unit, environment=Known((Variable("PYTHONPATH", "src", Place()),)))
    gunicorn = make(Gunicorn, settings=make(Settings, wsgi_app=Known("wsgi:app")), venv=Known(str(venv)))
    code = appcode.collect(
        LiveHost(),
        gunicorn,
        Known(unit),
        Known(str(tmp_path)),
        Known(frozenset()),
        plan(LiveHost(), unit).variables.implicit("PYTHONPATH"),
    )
    assert code.missing_module.is_("nowhere")


def test_hidden_pythonpath_makes_a_missing_module_unknown(tmp_path: Path, venv: Path) -> None:
    write(tmp_path, {"wsgi.py": "import nowhere\n" + APP})
    unit = make(Unit, environment=Known((Variable("PYTHONPATH", "<hidden:0123456789ab>", Place()),)))
    gunicorn = make(Gunicorn, settings=make(Settings, wsgi_app=Known("wsgi:app")), venv=Known(str(venv)))
    code = appcode.collect(
        LiveHost(),
        gunicorn,
        Known(unit),
        Known(str(tmp_path)),
        Known(frozenset()),
        plan(LiveHost(), unit).variables.implicit("PYTHONPATH"),
    )
    assert isinstance(code.missing_module, Unknown)
    assert isinstance(code.boot_blocker, Unknown)


def test_without_a_directory_nothing_is_known(tmp_path: Path, venv: Path) -> None:
    gunicorn = make(Gunicorn, settings=make(Settings, wsgi_app=Known("wsgi:app")), venv=Known(str(venv)))
    code = appcode.collect(LiveHost(), gunicorn, Absent(), Absent(), Known(frozenset()), Absent())
    assert isinstance(code.boot_blocker, Unknown)
    code = appcode.collect(LiveHost(), gunicorn, Absent(), Known(f"{tmp_path}/gone"), Known(frozenset()), Absent())
    assert isinstance(code.boot_blocker, Known)


def test_virtual_environment_that_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path, {"wsgi.py": APP})
    code = read(tmp_path, tmp_path / "no-venv", "wsgi:app")
    assert isinstance(code.missing_module, Unknown)
    assert isinstance(code.boot_blocker, Unknown)


def test_a_missing_module_of_the_apps_own_is_no_package(tmp_path: Path, venv: Path) -> None:
    write(tmp_path, {"shop/__init__.py": APP + "import shop.payments\n"})
    code = read(tmp_path, venv, "shop:app")
    assert isinstance(code.missing_module, Known)
    assert isinstance(code.missing_package, Absent)
    write(tmp_path, {"shop/__init__.py": APP + "import humanize\n"})
    code = read(tmp_path, venv, "shop:app")
    assert isinstance(code.missing_package, Known)
    assert code.missing_package.value == "humanize"


def test_own_names_hold_what_lies_in_the_directory_and_the_entry_point(tmp_path: Path, venv: Path) -> None:
    write(tmp_path, {"config.py": "", "jobs/mail.py": "", "README": ""})
    code = read(tmp_path, venv, "wsgi.prod:app")
    assert isinstance(code.own_names, Known)
    assert {"wsgi", "config", "jobs"} <= code.own_names.value
    assert "flask" not in code.own_names.value
    assert isinstance(code.entry_module, Known)
    assert code.entry_module.value == "wsgi.prod"
    assert isinstance(code.entry_problem, Known)
