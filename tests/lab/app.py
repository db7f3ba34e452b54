"""The sample application the machines serve, as a release is laid out on disk."""

from __future__ import annotations

WSGI = """\
from shop import create_app

app = create_app()
"""

PACKAGE = """\
import os
import time
from pathlib import Path

from flask import Flask, render_template, request

RELEASE = Path(__file__).resolve().parent.parent
REVISION = (RELEASE / "REVISION").read_text().strip()


def create_app():
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]

    @app.get("/")
    def home():
        return render_template("home.html", revision=REVISION)

    @app.get("/version")
    def version():
        return {"revision": REVISION, "pid": os.getpid()}

    @app.get("/slow")
    def slow():
        time.sleep(float(request.args.get("seconds", "1")))
        return "slow\\n"

    @app.get("/greeting")
    def greeting():
        return os.environ.get("GREETING", "none") + "\\n"

    @app.get("/url")
    def url():
        return request.host_url + "\\n"

    @app.get("/big-header")
    def big_header():
        return "big\\n", 200, {"X-Big": "x" * int(request.args.get("bytes", "6000"))}

    @app.post("/upload")
    def upload():
        return f"{len(request.get_data())}\\n"

    return app
"""

TEMPLATE = """\
<!doctype html>
<link rel="stylesheet" href="/static/app.css">
<h1>Shop</h1>
<p>release {{ revision }}</p>
"""

STYLE = "h1 { color: rebeccapurple }\n"


def release_files(revision: str) -> dict[str, str]:
    """The files of one release, by path below its directory."""
    return {
        "REVISION": f"{revision}\n",
        "requirements.txt": "flask\ngunicorn\n",
        "wsgi.py": WSGI,
        "shop/__init__.py": PACKAGE,
        "shop/templates/home.html": TEMPLATE,
        "shop/static/app.css": STYLE,
    }
