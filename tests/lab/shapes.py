"""Healthy deployments, the way people do them. Every rule's story starts from one of these.

A shape is a function that deploys on a fresh machine and returns when the site answers 200 with its
release in the body. `deploy` and its parts are for recipes too: a new release, a unit, a site.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from lab.app import release_files
from lab.machine import LAB, Machine

Shape: TypeAlias = Callable[[Machine], None]

FIRST = "2026-11-01"
SECOND = "2026-11-08"

SECRET = "SECRET_KEY=lab-9f2c6f0f4f3e4c7a\n"


@dataclass(frozen=True)
class Deployment:
    """One app on the machine. What is set here ends in its unit and its site; the defaults are the `unix` shape."""

    name: str = "shop"
    venv: str = "app-27"
    bind: str = ""
    """Of gunicorn; by default a socket in the runtime directory."""
    upstream: str = ""
    """The server of nginx's upstream group; by default what `bind` says."""
    user: str = ""
    group: str = "www-data"
    workers: str = "--workers 3"
    chdir: str = "{base}/current"
    options: str = ""
    entry: str = "wsgi:app"
    command: str = "{base}/venv/bin/gunicorn {arguments}"
    arguments: str = "{workers} --chdir {chdir} --bind {bind}{options} {entry}"
    service: dict[str, str] = field(default_factory=dict)
    """Lines of [Service] added or replaced; an empty text takes the line out."""
    unit_name: str = ""
    instance: str = ""

    @property
    def base(self) -> str:
        return f"/srv/{self.name}"

    @property
    def unit(self) -> str:
        return self.unit_name or f"{self.name}.service"

    @property
    def host(self) -> str:
        return f"{self.name}.test"

    @property
    def listens(self) -> str:
        return self.bind or f"unix:/run/{self.name}/gunicorn.sock"

    def command_line(self) -> str:
        """What ExecStart says."""
        options = f" {self.options}" if self.options else ""
        chdir = self.chdir.format(base=self.base)
        arguments = self.arguments.format(
            workers=self.workers, chdir=chdir, bind=self.listens, options=options, entry=self.entry, base=self.base
        )
        return self.command.format(base=self.base, arguments=" ".join(arguments.split()))

    def unit_text(self) -> str:
        """The service unit."""
        service = {
            "Type": "notify",
            "User": self.user or self.name,
            "Group": self.group,
            "RuntimeDirectory": self.name,
            "WorkingDirectory": f"{self.base}/current",
            "EnvironmentFile": f"/etc/{self.name}.env",
            "ExecStart": self.command_line(),
            "ExecReload": "/bin/kill -s HUP $MAINPID",
            "KillMode": "mixed",
            "TimeoutStopSec": "45",
            "Restart": "on-failure",
        }
        service.update(self.service)
        lines = "\n".join(f"{key}={value}" for key, value in service.items() if value)
        return (
            f"[Unit]\nDescription=The {self.name} web application\nAfter=network.target\n\n"
            f"[Service]\n{lines}\n\n[Install]\nWantedBy=multi-user.target\n"
        )

    def site_text(self) -> str:
        """The nginx site."""
        server = self.upstream or self.listens
        return SITE.format(name=self.name, host=self.host, server=server, base=self.base)


SITE = """\
upstream {name} {{
    server {server} fail_timeout=0;
}}

server {{
    listen 80;
    server_name {host};
    client_max_body_size 10m;

    location /static/ {{
        alias {base}/current/shop/static/;
    }}

    location / {{
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_pass http://{name};
    }}
}}
"""

SHOP = Deployment()
TCP = replace(SHOP, bind="127.0.0.1:8000")

SOCKET_UNIT = """\
[Unit]
Description=Socket of the {name} web application

[Socket]
ListenStream=/run/{name}.sock
SocketUser=www-data
SocketMode=0600

[Install]
WantedBy=sockets.target
"""


# The parts, in the order a deployment uses them.


def put_release(m: Machine, revision: str = FIRST, base: str = "/srv/shop", directory: str | None = None) -> str:
    """Write a release's files below `base` and return its directory. Touches no link and no process."""
    path = f"{base}/releases/{revision}" if directory is None else directory
    for name, text in release_files(revision).items():
        m.write(f"{path}/{name}", text)
    return path


def switch(m: Machine, revision: str, base: str = "/srv/shop") -> None:
    """`ln -sfn`: point `current` at a release, as every guide does."""
    m.run(("ln", "-sfn", f"{base}/releases/{revision}", f"{base}/current"))


def put_venv(m: Machine, venv: str, base: str = "/srv/shop") -> None:
    """A virtual environment of the app's own, as if it had been built in its place."""
    origin, home = f"{LAB}/{venv}", f"{base}/venv"
    named = f"grep -rlI {origin} {home}/bin {home}/pyvenv.cfg"
    m.sh(f"mkdir -p {base}; cp -a {origin} {home}; {named} | xargs sed -i 's|{origin}|{home}|g'")


def put_unit(m: Machine, name: str, text: str) -> None:
    """Write a unit file and let systemd read it."""
    m.write(f"/etc/systemd/system/{name}", text)
    m.run(("systemctl", "daemon-reload"))


def put_site(m: Machine, name: str, text: str) -> None:
    """Write a site, link it, and let nginx load it."""
    file = f"/etc/nginx/sites-available/{name}"
    m.write(file, text)
    m.sh(f"ln -sfn {file} /etc/nginx/sites-enabled/{name}; nginx -t -q; systemctl reload nginx")


def put_app(m: Machine, app: Deployment = SHOP) -> None:
    """Everything of an app but its unit and its site: user, environment, code, virtual environment."""
    m.run(
        ("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", app.user or app.name), check=False
    )
    m.write(f"/etc/{app.name}.env", SECRET, mode=0o600)
    put_release(m, FIRST, app.base)
    switch(m, FIRST, app.base)
    put_venv(m, app.venv, app.base)


def deploy(m: Machine, app: Deployment = SHOP) -> None:
    """Deploy an app and wait until it serves its release through nginx."""
    put_app(m, app)
    put_unit(m, app.unit, app.unit_text())
    m.run(("systemctl", "enable", "-q", "--now", app.unit))
    put_site(m, app.name, app.site_text())
    serves(m, FIRST, host=app.host)


def serves(m: Machine, revision: str, host: str = "shop.test", port: int = 80) -> None:
    """Wait until every answer is 200 and shows this release."""
    m.wait_until(f"{host} serves release {revision}", lambda: _all_serve(m, revision, host, port))


def _all_serve(m: Machine, revision: str, host: str, port: int) -> bool:
    for _ in range(4):
        status, body = m.http("/", host, port)
        if status != 200 or f"release {revision}" not in body:
            return False
    return True


# The shapes.


def unix(m: Machine) -> None:
    """Releases and a `current` link; gunicorn on a unix socket in its runtime directory."""
    deploy(m)


def tcp(m: Machine) -> None:
    """The same on a loopback port."""
    deploy(m, TCP)


def gunicorn_20(m: Machine) -> None:
    deploy(m, replace(SHOP, venv="app-20"))


def gunicorn_23(m: Machine) -> None:
    deploy(m, replace(SHOP, venv="app-23"))


def socket_activation(m: Machine) -> None:
    """systemd holds the socket and hands it over; gunicorn is told no address."""
    app = replace(
        SHOP,
        arguments="{workers} --chdir {chdir}{options} {entry}",
        upstream="unix:/run/shop.sock",
        service={"RuntimeDirectory": ""},
    )
    put_app(m, app)
    text = app.unit_text().replace("After=network.target", "Requires=shop.socket\nAfter=network.target shop.socket")
    put_unit(m, "shop.socket", SOCKET_UNIT.format(name="shop"))
    put_unit(m, app.unit, text)
    m.run(("systemctl", "enable", "-q", "--now", "shop.socket", "shop.service"))
    put_site(m, app.name, app.site_text())
    serves(m, FIRST)


def template_instances(m: Machine) -> None:
    """shop@1 and shop@2 from one template unit, behind one upstream group."""
    app = replace(
        SHOP, bind="unix:/run/shop-%i/gunicorn.sock", service={"RuntimeDirectory": "shop-%i"}, unit_name="shop@.service"
    )
    put_app(m, app)
    put_unit(m, app.unit, app.unit_text())
    m.run(("systemctl", "enable", "-q", "--now", "shop@1", "shop@2"))
    peers = "server unix:/run/shop-1/gunicorn.sock;\n    server unix:/run/shop-2/gunicorn.sock;"
    site = app.site_text().replace(f"server {app.bind} fail_timeout=0;", peers)
    put_site(m, app.name, site)
    serves(m, FIRST)


def gthread(m: Machine) -> None:
    """Threads in the workers."""
    deploy(m, replace(SHOP, workers="--workers 2 --threads 4"))


GUNICORN_CONF = """\
import multiprocessing

bind = "unix:/run/shop/gunicorn.sock"
workers = multiprocessing.cpu_count() * 2 + 1
chdir = "/srv/shop/current"
"""


def computed_workers(m: Machine) -> None:
    """A gunicorn.conf.py that computes the number of workers."""
    app = replace(SHOP, arguments="--config /srv/shop/gunicorn.conf.py {entry}")
    m.write("/srv/shop/gunicorn.conf.py", GUNICORN_CONF)
    deploy(m, app)


def module(m: Machine) -> None:
    """`python -m gunicorn`."""
    deploy(m, replace(SHOP, command="{base}/venv/bin/python -m gunicorn {arguments}"))


def shell_exec(m: Machine) -> None:
    """A shell that ends in `exec`: the master is the unit's main process all the same."""
    deploy(m, replace(SHOP, command="/bin/bash -c 'exec {base}/venv/bin/gunicorn {arguments}'"))


def two_apps(m: Machine) -> None:
    """shop and blog side by side."""
    deploy(m)
    deploy(m, Deployment(name="blog"))


def in_place(m: Machine) -> None:
    """A git checkout in /srv/shop, updated with `git pull`: no releases, no link."""
    app = replace(SHOP, chdir="/srv/shop", service={"WorkingDirectory": "/srv/shop"})
    m.run(("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "shop"))
    m.write("/etc/shop.env", SECRET, mode=0o600)
    put_release(m, FIRST, directory="/srv/shop")
    commit(m, "first")
    put_venv(m, app.venv)
    put_unit(m, app.unit, app.unit_text())
    m.run(("systemctl", "enable", "-q", "--now", app.unit))
    put_site(m, app.name, app.site_text().replace("/current/", "/"))
    serves(m, FIRST)


def commit(m: Machine, message: str) -> None:
    """Commit what lies in /srv/shop; the virtual environment is ignored."""
    m.sh(
        "cd /srv/shop; [ -d .git ] || { git init -q -b main; printf 'venv/\\n__pycache__/\\n' >.gitignore; }; "
        f"git add -A; git -c user.name=shop -c user.email=shop@shop.test commit -q -m {message}"
    )


TLS = """\
listen 443 ssl;
    ssl_certificate /etc/ssl/certs/shop.pem;
    ssl_certificate_key /etc/ssl/private/shop.key;"""

HTTPS = """\

server {{
    listen 80;
    server_name {host};
    return 301 https://$host$request_uri;
}}
"""


def https_redirect(m: Machine) -> None:
    """Port 80 redirects to 443, with a certificate of its own making."""
    m.sh(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=shop.test "
        "-keyout /etc/ssl/private/shop.key -out /etc/ssl/certs/shop.pem 2>/dev/null"
    )
    put_app(m)
    put_unit(m, SHOP.unit, SHOP.unit_text())
    m.run(("systemctl", "enable", "-q", "--now", SHOP.unit))
    put_site(m, SHOP.name, SHOP.site_text().replace("listen 80;", TLS) + HTTPS.format(host=SHOP.host))
    serves(m, FIRST, port=443)
    m.wait_http(301)


def package_unit(m: Machine) -> None:
    """The unit comes from a package: nothing in /etc and no name says that it is a web application."""
    put_app(m)
    m.write("/usr/lib/systemd/system/shop.service", SHOP.unit_text())
    m.sh("systemctl daemon-reload; systemctl enable -q --now shop.service")
    put_site(m, SHOP.name, SHOP.site_text())
    serves(m, FIRST)


START = """\
#!/bin/bash
set -euo pipefail
cd /srv/shop/current
source /srv/shop/venv/bin/activate
exec gunicorn --workers "${WORKERS:-3}" --bind unix:/run/shop/gunicorn.sock --chdir /srv/shop/current wsgi:app
"""


def start_script(m: Machine) -> None:
    """A script that ends in `exec`; the unit shows none of the settings."""
    m.write("/srv/shop/start.sh", START, mode=0o755)
    deploy(m, replace(SHOP, command="/srv/shop/start.sh"))


def dynamic_user(m: Machine) -> None:
    """A user that systemd makes at the start, and a sandbox around the service."""
    sandbox = {
        "User": "",
        "Group": "",
        "DynamicUser": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "~CAP_SYS_ADMIN",
        "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
        "SystemCallFilter": "@system-service",
    }
    deploy(m, replace(SHOP, service=sandbox))


ONE_SITE = """\
server {{
    listen 80;
    server_name {host};
{locations}}}
"""

BELOW = """\
    location /{name}/static/ {{
        alias /srv/{name}/current/shop/static/;
    }}
    location /{name}/ {{
        include proxy_params;
        proxy_pass http://unix:/run/{name}/gunicorn.sock;
    }}
"""


def two_apps_one_site(m: Machine) -> None:
    """shop and blog below prefixes of one server block; blog has been deployed since."""
    for name in ("shop", "blog"):
        app = Deployment(name=name)
        put_app(m, app)
        m.write(f"/etc/{name}.env", f"{SECRET}SCRIPT_NAME=/{name}\n", mode=0o600)
        put_unit(m, app.unit, app.unit_text())
        m.run(("systemctl", "enable", "-q", "--now", app.unit))
    put_release(m, SECOND, "/srv/blog")
    switch(m, SECOND, "/srv/blog")
    m.sh("systemctl reload blog")
    locations = BELOW.format(name="shop") + BELOW.format(name="blog")
    put_site(m, "all", ONE_SITE.format(host="shop.test", locations=locations))
    m.wait_until("blog serves its new release", lambda: SECOND in m.http("/blog/")[1])
    m.wait_http(path="/shop/")


def retired_app(m: Machine) -> None:
    """Beside shop, the unit of an app whose code is gone: stopped, and not enabled."""
    deploy(m)
    put_unit(m, "legacy.service", Deployment(name="legacy", user="shop").unit_text())


def without_nginx(m: Machine) -> None:
    """An internal service on a port of its own, on a machine that has no nginx."""
    m.sh("systemctl disable -q --now nginx; rm -r /etc/nginx /usr/sbin/nginx /usr/lib/systemd/system/nginx.service")
    put_app(m, TCP)
    put_unit(m, TCP.unit, TCP.unit_text())
    m.run(("systemctl", "enable", "-q", "--now", TCP.unit))
    serves(m, FIRST, port=8000)


OWN_NGINX = """\
[Unit]
Description=nginx, built from source

[Service]
Type=forking
PIDFile=/usr/local/nginx/logs/nginx.pid
ExecStart=/usr/local/nginx/sbin/nginx -p /usr/local/nginx/ -c conf/nginx.conf
ExecReload=/bin/kill -s HUP $MAINPID

[Install]
WantedBy=multi-user.target
"""

OWN_MAIN = """\
user www-data;
pid logs/nginx.pid;
error_log logs/error.log;
events {}
http {
    access_log logs/access.log;
    include vhosts/*.conf;
}
"""


def own_nginx(m: Machine) -> None:
    """An nginx below a prefix of its own, in the place of the distribution's."""
    m.sh(
        "systemctl disable -q --now nginx; cd /usr/local; mkdir -p nginx/sbin nginx/logs nginx/conf; "
        "mv /usr/sbin/nginx nginx/sbin; rm -r /etc/nginx /usr/lib/systemd/system/nginx.service"
    )
    put_app(m)
    put_unit(m, SHOP.unit, SHOP.unit_text())
    m.write("/usr/local/nginx/conf/nginx.conf", OWN_MAIN)
    m.write("/usr/local/nginx/conf/vhosts/shop.conf", SHOP.site_text())
    put_unit(m, "web.service", OWN_NGINX)
    m.run(("systemctl", "enable", "-q", "--now", SHOP.unit, "web.service"))
    serves(m, FIRST)


HOME_UNIT = """\
[Unit]
Description=Gunicorn instance to serve myproject
After=network.target

[Service]
User=sammy
Group=www-data
WorkingDirectory=/home/sammy/myproject
Environment="PATH=/home/sammy/myproject/venv/bin"
Environment="SECRET_KEY=lab"
ExecStart=/home/sammy/myproject/venv/bin/gunicorn --workers 3 --bind unix:myproject.sock -m 007 wsgi:app
ExecReload=/bin/kill -s HUP $MAINPID
Restart=always

[Install]
WantedBy=multi-user.target
"""

HOME_SITE = """\
server {
    listen 80;
    server_name shop.test www.shop.test;

    location / {
        include proxy_params;
        proxy_pass http://unix:/home/sammy/myproject/myproject.sock;
    }
}
"""


def home_directory(m: Machine) -> None:
    """Everything in somebody's home directory, which others may pass; a socket by a relative path, beside the code."""
    home = "/home/sammy/myproject"
    m.sh("useradd --create-home sammy; chmod 711 /home/sammy")
    put_release(m, FIRST, directory=home)
    put_venv(m, "app-27", home)
    m.sh(f"chown -R sammy:sammy {home}")
    put_unit(m, "myproject.service", HOME_UNIT)
    m.run(("systemctl", "enable", "-q", "--now", "myproject.service"))
    put_site(m, "myproject", HOME_SITE)
    serves(m, FIRST)


HEALTHY: dict[str, Shape] = {
    shape.__name__: shape
    for shape in (
        unix,
        tcp,
        socket_activation,
        template_instances,
        gthread,
        computed_workers,
        module,
        shell_exec,
        two_apps,
        in_place,
        https_redirect,
        gunicorn_20,
        gunicorn_23,
        package_unit,
        start_script,
        dynamic_user,
        two_apps_one_site,
        retired_app,
        without_nginx,
        own_nginx,
        home_directory,
    )
}
