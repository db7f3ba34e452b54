"""What a file is, by its content first and its name second."""

from __future__ import annotations

import pytest

from doctor.hosts.base import DocumentKind
from doctor.hosts.classify import classify

K = DocumentKind

UNIT = "[Unit]\nDescription=x\n[Service]\nExecStart=/srv/venv/bin/gunicorn app:app\n"
NGINX = "server {\n  listen 80;\n  location / {\n    proxy_pass http://unix:/run/x.sock;\n  }\n}\n"


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("shop.service", UNIT, K.UNIT),
        ("deploy/gunicorn.txt", UNIT, K.UNIT),
        ("x", "[Service]\nExecStart=/x\n", K.UNIT),
        ("x.socket", "[Unit]\n[Socket]\nListenStream=/run/x.sock\n", K.SOCKET),
        ("x.timer", "[Unit]\n[Timer]\nOnCalendar=daily\n", None),
        ("shop.service.d/override.conf", "[Service]\nRestart=always\n", K.DROPIN),
        ("files/override.conf", "[Service]\nRestart=always\n", K.DROPIN),
        ("shop.service.j2", UNIT.replace("app:app", "{{ app }}"), K.UNIT),
        ("shop.service.j2", UNIT + "{% if user %}\nUser={{ user }}\n{% endif %}\n", K.TEMPLATE),
        ("shop.service.j2", UNIT + "{{ more }}\n", K.TEMPLATE),
        ("shop.service", UNIT + "User={{ user }}\n", K.UNIT),
        ("shop.service", UNIT + "WorkingDirectory=${APP_DIR}\n", K.UNIT),
        ("shop.service", UNIT + "User=@USER@\n", K.UNIT),
        ("shop.service", UNIT.replace("gunicorn app", "gunicorn -b ${BIND} app"), K.UNIT),
        ("template.service", UNIT + 'Environment="A=${B}"\n', K.UNIT),
        ("install.sh", "#!/bin/bash\ncat > /etc/systemd/system/x.service <<EOF\n" + UNIT + "EOF\n", K.SCRIPT),
        ("nginx.conf", NGINX, K.NGINX),
        ("default", NGINX, K.NGINX),
        ("nginxconfig", "upstream shop {\n server 127.0.0.1:8000;\n}\n", K.NGINX),
        ("nginx.tcp.conf ", NGINX, K.NGINX),
        ("one-line", "server { listen 80; location / { proxy_pass http://a; } }", K.NGINX),
        ("app.conf", "location /static/\n{\n  alias /srv/x/;\n}\n", K.NGINX),
        ("default.conf.template", NGINX.replace("80", "${PORT}"), K.TEMPLATE),
        ("default.conf", NGINX.replace("/run/x.sock", "${SOCKET}"), K.TEMPLATE),
        ("site.nginx.j2", NGINX, K.NGINX),
        ("site.nginx.j2", NGINX.replace("80", "{{ port }}"), K.TEMPLATE),
        ("shop.service.j2", UNIT, K.UNIT),
        ("shop.service", UNIT + "User=__APP__\n", K.UNIT),
        ("shop.service", UNIT.replace("/srv/venv", "__INSTALL_DIR__/venv"), K.UNIT),
        ("shop.service", UNIT.replace("/srv/venv/bin/gunicorn", "__GUNICORN__"), K.TEMPLATE),
        ("shop.service", UNIT.replace("app:app", "app:__hug_wsgi__"), K.UNIT),
        ("shop.service", UNIT + "User = <the user>\n", K.UNIT),
        ("shop.service", UNIT.replace("app:app", "app:app < /dev/null > /dev/null"), K.UNIT),
        ("shop.service", UNIT.replace("[Service]", "[User]"), K.UNIT),
        ("shop.timer", UNIT.replace("[Service]", "[User]"), None),
        ("site.conf", NGINX + "# {{ not }} rendered\n", K.TEMPLATE),
        ("site.conf", NGINX.replace("http://unix", "http://$upstream_addr"), K.NGINX),
        ("gunicorn.conf.py", 'bind = "x"\n', K.GUNICORN),
        ("gunicorn_config.py", "import os\nworkers = 3\n", K.GUNICORN),
        ("conf/prod.py", "bind = 'x'\nworkers = 3\ntimeout = 30\n", K.GUNICORN),
        ("app/models.py", "timeout = 3\n", None),
        ("app/worker.py", "workers = []\n", None),
        ("gunicorn_starter.py", "from x import y\n", None),
        ("gunicorn.conf.py", 'bind = f"unix:{{x}}"\nworkers = 1\n', K.GUNICORN),
        ("gunicorn.conf.py.j2", 'bind = "{{ bind }}"\n', K.TEMPLATE),
        ("daphne.service.j2", "{% extends 'base.j2' %}\n", K.TEMPLATE),
        ("page.html.j2", "{% extends 'base.j2' %}\n", None),
        ("gunicorn.conf.j2", "d /run/gunicorn 0755 {{ user }} nginx -\n", K.TEMPLATE),
        ("systemd/gunicorn.conf", "d /run/gunicorn 0755 www-data www-data -\n", K.TMPFILES),
        (".env", "# c\nA=b\nexport C=d\n", K.ENVIRONMENT),
        ("deploy/shop.env", "A=b\n", K.ENVIRONMENT),
        ("etc/default/shop", "A=b\n", K.ENVIRONMENT),
        (".env.example", "A=b\n", K.SAMPLE),
        ("venv.cfg", "A=b\n", None),
        ("docker-compose.yml", "services:\n  web:\n    image: x\n    environment:\n      A: ${B}\n", K.COMPOSE),
        ("Dockerfile", "FROM python:3.12\nRUN pip install gunicorn\n", K.DOCKERFILE),
        ("docker/Dockerfile-release", "# x\nFROM a\nCMD x\n", K.DOCKERFILE),
        ("supervisor.conf", "[program:shop]\ncommand=gunicorn app:app\n", K.SUPERVISOR),
        ("supervisor.conf.j2", "[program:{{ x }}]\ncommand=gunicorn\n", K.TEMPLATE),
        ("deploy", "#!/usr/bin/env bash\nsystemctl restart shop\n", K.SCRIPT),
        ("update.sh", "git pull\n", K.SCRIPT),
        (".github/workflows/deploy.yml", "on: push\njobs:\n  a:\n    runs-on: x\n", K.CI),
        (".gitlab-ci.yml", "stages: [a]\n", K.CI),
        ("playbook.yml", "- hosts: all\n  tasks:\n  - service: name=x\n", K.ANSIBLE),
        ("setup.cfg", "[metadata]\nname = x\n", None),
        ("app.py", "from flask import Flask\napp = Flask(__name__)\n", None),
        ("Caddyfile", "example.com {\n  reverse_proxy localhost:8000\n}\n", K.SERVER),
        ("tox.ini", "[tox]\nenvlist = py\n", None),
    ],
)
def test_classify(path: str, text: str, kind: DocumentKind | None) -> None:
    assert classify(path, text) is kind
