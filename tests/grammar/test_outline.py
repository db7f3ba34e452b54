from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.grammar.outline import Expression, Outline
from doctor.grammar.python_source import outline


def of(source: str) -> Outline:
    found = outline(dedent(source).encode(), "app.py")
    assert found.error is None, found.error
    return found


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("import os\n\ndef f(:\n    pass\n", 3),
        ("x = 1\n  y = 2\n", 2),
        ("x = 'abc\n", 1),
        ("if x:\nprint(1)\n", 2),
        ("a = 1\nreturn a\n", 2),
        ("def f():\n    await x\n", 2),
        ("<<<<<<< HEAD\nx = 1\n", 1),
    ],
)
def test_syntax_error(source: str, line: int) -> None:
    found = outline(source.encode(), "app.py")
    assert found.error is not None
    assert found.error.line == line
    assert found.error.message
    assert found.imports == ()


def test_bytes_that_python_refuses() -> None:
    assert outline(b"x = '\xff'\n", "app.py").error is not None
    assert outline(b"x = 1\0\n", "app.py").error is not None
    assert outline(b"# -*- coding: latin-1 -*-\nx = '\xff'\n", "app.py").error is None
    assert outline(b"\xef\xbb\xbfx = 1\n", "app.py").error is None


def test_guarded_imports() -> None:
    found = of(
        """
        import os, flask.views as views
        from . import models
        from ..pkg.mod import a, b as c
        from typing import TYPE_CHECKING
        try:
            import ujson
        except ImportError:
            import json
        try:
            import lxml
        except (ValueError, ModuleNotFoundError):
            lxml = None
        try:
            import redis
        except ValueError:
            pass
        try:
            import boto3
        except ImportError:
            raise SystemExit("install boto3")
        if TYPE_CHECKING:
            import pandas
        def f():
            import numpy
        class A:
            import shutil
        with contextlib.suppress(ImportError):
            import uvloop
        with lock:
            import celery
        """
    )
    guarded = {item.module: item.guarded for item in found.imports}
    assert guarded == {
        "os": False, "flask.views": False, "": False, "pkg.mod": False, "typing": False, "ujson": True, "json": True,
        "lxml": True, "redis": False, "boto3": False, "pandas": True, "numpy": True, "shutil": False, "uvloop": True,
        "celery": False,
    }  # fmt: skip
    assert [(item.module, item.level, item.names) for item in found.imports if item.level] == [
        ("", 1, ("models",)),
        ("pkg.mod", 2, ("a", "b")),
    ]
    assert found.imports[0].line == 2


def test_env_reads() -> None:
    found = of(
        """
        import os
        import os as system
        from os import environ, getenv as get
        A = os.environ["A"]
        B = os.environ.get("B", "x")
        C = os.getenv("C")
        D = environ["D"]
        E = get("E")
        F = system.environ["F"]
        env = os.environ
        G = env["G"]
        H = os.environ.get("H") or os.environ["H2"]
        I = os.environ["I"] if X else None
        try:
            J = os.environ["J"]
        except KeyError:
            J = ""
        def f(x=os.environ["DEFAULT"]):
            return os.environ["IN_FUNCTION"]
        class Config:
            K = os.environ["K"]
        os.environ.setdefault("L", "1")
        L = os.environ["L"]
        os.environ["M"] = "1"
        M = os.environ["M"]
        N = [int(os.environ["N"])]
        O = lambda: os.environ["O"]
        P = other["P"]
        if "Q" in os.environ:
            Q = os.environ["Q"]
        R = os.environ.pop("R")
        S = f"x{os.environ['S']}"
        os.environ.update({"T": "1"}, U="2")
        T = os.environ["T"] + os.environ["U"]
        """
    )
    reads = {item.name: (item.required, item.guarded) for item in found.env_reads}
    required, optional, guarded = (True, False), (False, False), (True, True)
    assert reads == {
        "A": required, "B": optional, "C": optional, "D": required, "E": optional, "F": required, "G": required,
        "H": optional, "H2": guarded, "I": guarded, "J": guarded, "DEFAULT": required, "IN_FUNCTION": guarded,
        "K": required, "L": guarded, "M": guarded, "N": required, "O": guarded, "Q": guarded, "R": required,
        "S": required, "T": guarded, "U": guarded,
    }  # fmt: skip
    assert next(item.line for item in found.env_reads if item.name == "A") == 5


def test_definitions() -> None:
    found = of(
        """
        def create_app(config=None, *, debug=False): pass
        def needs(a, b, c=1, *args, d, e=2, **kw): pass
        async def handler(request): pass
        class App: pass
        class Needs:
            def __init__(self, a, b=1): pass
        if X:
            def later(): pass
        def outer():
            def inner(): pass
        """
    )
    assert [(item.name, item.kind, item.required_arguments) for item in found.definitions] == [
        ("create_app", "function", 0),
        ("needs", "function", 3),
        ("handler", "function", 1),
        ("App", "class", 0),
        ("Needs", "class", 1),
        ("later", "function", 0),
        ("outer", "function", 0),
    ]


def test_assignments() -> None:
    found = of(
        """
        import multiprocessing
        bind = "unix:/run/shop.sock"
        workers = multiprocessing.cpu_count() * 2 + 1
        RUN = "/run/shop"
        pidfile = f"{RUN}/pid"
        pair, (x, *rest) = 1, (2, 3)
        timeout: int = 30
        if DEBUG:
            timeout = 60
            RUN = "/tmp"
        later = RUN + "/x"
        size = 16 * 1024 * 1024
        hosts = ["a", ("b", -1)]
        nothing = None
        with open("x") as handle:
            inside = 1
        for item in range(3):
            pass
        def f():
            local = 1
        d = {"a": 1}
        workers += 1
        """
    )
    values = [(item.name, item.value, item.conditional) for item in found.assignments]
    assert values[:2] == [
        ("bind", "unix:/run/shop.sock", False),
        ("workers", Expression("multiprocessing.cpu_count() * 2 + 1"), False),
    ]
    named = {name: (value, conditional) for name, value, conditional in values}
    assert named["pidfile"] == ("/run/shop/pid", False)
    assert named["pair"] == (1, False)
    assert named["x"] == (Expression("x …"), False) or named["x"] == (2, False)
    assert ("timeout", 30, False) in values
    assert ("timeout", 60, True) in values
    assert named["later"] == (Expression("RUN + '/x'"), False)
    assert named["size"] == (16777216, False)
    assert named["hosts"] == (("a", ("b", -1)), False)
    assert named["nothing"] == (None, False)
    assert named["handle"][1]
    assert named["inside"] == (1, True)
    assert "local" not in named
    assert isinstance(named["d"][0], Expression)


def test_settings_of_flask() -> None:
    found = of(
        """
        class Config:
            MAX_CONTENT_LENGTH = 16 * 1024 * 1024
        def create_app():
            app.config["MAX_CONTENT_LENGTH"] = 1 << 20
        app.config["DEBUG"] = True
        """
    )
    assert [(item.name, item.value, item.conditional) for item in found.assignments] == [
        ("Config.MAX_CONTENT_LENGTH", 16777216, False),
        ("app.config['MAX_CONTENT_LENGTH']", 1048576, True),
        ("app.config['DEBUG']", True, False),
    ]


def test_calls_and_routes() -> None:
    found = of(
        """
        import flask
        from flask import Flask
        from werkzeug.middleware.proxy_fix import ProxyFix
        app = Flask(__name__, static_folder="static", static_url_path=URL)
        other = flask.Flask("x")
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)
        def create_app():
            load_dotenv("/etc/shop/.env")
            app.run(debug=True)
        @app.route("/")
        @app.route("/version")
        def index(): pass
        @bp.get("/health")
        async def health(): pass
        app.add_url_rule("/x", view_func=index)
        requests.get("/not-a-route")
        """
    )
    assert [(call.function, call.line) for call in found.calls] == [
        ("Flask", 5), ("Flask", 6), ("ProxyFix", 7), ("load_dotenv", 9), ("app.run", 10),
    ]  # fmt: skip
    flask = found.calls[0]
    assert flask.arguments == (Expression("__name__"),)
    assert dict(flask.keywords) == {"static_folder": "static", "static_url_path": Expression("URL")}
    assert dict(found.calls[4].keywords) == {"debug": True}
    assert set(found.routes) == {"/", "/version", "/health", "/x"}


@pytest.mark.parametrize(
    "source",
    ["from base import *\n", "globals().update(x)\n", "def __getattr__(name): pass\n", "exec('x = 1')\n"],
)
def test_dynamic_names(source: str) -> None:
    assert of(source).dynamic_names


def test_no_dynamic_names_in_functions() -> None:
    assert not of("def f():\n    return globals()\n").dynamic_names


def test_nothing_is_executed(tmp_path: object) -> None:
    found = of("import os\nos._exit(3)\nX = 1\n")
    assert found.assignments[0].name == "X"


def test_deep_nesting_does_not_break() -> None:
    for source in ("x = " + "+".join(["1"] * 20_000), "x = " + "(" * 150 + ")" * 150, "x = " + "-" * 3000 + "1"):
        outline(source.encode(), "x.py")


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    outline(text.encode("utf-8", "surrogatepass"), "x.py")
