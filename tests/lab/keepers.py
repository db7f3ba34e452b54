"""Deployments that systemd has no part in: apps in containers and under supervisor, the way people do them."""

from __future__ import annotations

from dataclasses import replace

from lab import shapes
from lab.machine import LAB, Machine
from lab.shapes import FIRST, SHOP, TCP

GUNICORN = f"{LAB}/app-27/bin/gunicorn"
_IMAGE = """
mkdir -p /tmp/image/{etc,tmp,run,var,proc,sys,dev,opt,srv,usr,app}
cp -a /srv/shop/current/. /tmp/image/app
cd /tmp/image
for folder in bin sbin lib lib64; do ln -s usr/$folder $folder; done
cp /etc/passwd /etc/group etc/
tar c . | docker import - shop >/dev/null
"""
"""An image of the app alone. Its programs are those of the machine, mounted: no registry is within reach."""
_MOUNTS = f"-v /usr:/usr:ro -v {LAB}:{LAB}:ro"

PROGRAM = """\
[program:{name}]
command=/srv/shop/venv/bin/gunicorn --workers 2 --bind {bind} wsgi:app
directory=/srv/shop/current
user=shop
environment=SECRET_KEY="lab"
stopasgroup=true
"""


def run(options: str, bind: str = "0.0.0.0:8000", program: str = "") -> str:
    """The command that starts the app in a container."""
    inside = program or f"{GUNICORN} --chdir /app --workers 2 --bind {bind} wsgi:app"
    return f"docker run --name shop -e SECRET_KEY=lab {_MOUNTS} {options} shop {inside}"


def start_engine(m: Machine, settings: str = "") -> None:
    """The engine with an image of the app."""
    shapes.put_app(m, SHOP)
    if settings:
        m.write("/etc/docker/daemon.json", settings)
    m.sh("systemctl start docker")
    m.sh(_IMAGE)


def site(m: Machine, server: str, name: str = "shop") -> None:
    """A site that sends its requests there."""
    shapes.put_site(m, name, replace(SHOP, name=name, upstream=server).site_text().replace(f"/srv/{name}", "/srv/shop"))


def answers(m: Machine, server: str) -> None:
    """Wait until the app itself answers there. Through nginx another app may answer for it until the reload is done."""
    where = f"--unix-socket {server.removeprefix('unix:')} http://app/" if server.startswith("unix:") else server
    m.wait_until(f"the app answers at {server}", lambda: FIRST in m.sh(f"curl -s -m 5 {where} || true"))


def contained(m: Machine, options: str, server: str = "127.0.0.1:8000", bind: str = "0.0.0.0:8000") -> None:
    """The app in a container, behind nginx."""
    start_engine(m)
    m.sh(run(f"-d {options}", bind))
    answers(m, server)
    site(m, server)
    shapes.serves(m, FIRST)


def published(m: Machine) -> None:
    contained(m, "-p 127.0.0.1:8000:8000")


def published_on_all(m: Machine) -> None:
    contained(m, "-p 8000:8000", "localhost:8000")


def without_proxy(m: Machine) -> None:
    start_engine(m, '{"userland-proxy": false}\n')
    m.sh(run("-d -p 8000:8000"))
    site(m, "127.0.0.1:8000")
    shapes.serves(m, FIRST)


def by_rules_alone(m: Machine) -> None:
    """As Kubernetes and CNI do it: rules of the firewall, and nobody who holds the port."""
    start_engine(m)
    m.sh(run("-d"))
    inside = m.sh("docker inspect -f '{{.NetworkSettings.IPAddress}}' shop").strip()
    m.sh(
        "sysctl -qw net.ipv4.conf.all.route_localnet=1; iptables -t nat -I OUTPUT -d 127.0.0.1 -p tcp --dport 8000 "
        f"-j DNAT --to {inside}:8000; iptables -t nat -I POSTROUTING -s 127.0.0.1 -d {inside} -j MASQUERADE"
    )
    site(m, "127.0.0.1:8000")
    shapes.serves(m, FIRST)


def host_network(m: Machine) -> None:
    contained(m, "--network host", bind="127.0.0.1:8000")


def shared_socket(m: Machine) -> None:
    m.sh("mkdir /run/shop")
    contained(m, "-v /run/shop:/run/shop", "unix:/run/shop/gunicorn.sock", "unix:/run/shop/gunicorn.sock")


def unit_of_a_container(m: Machine) -> None:
    start_engine(m)
    start = run("--rm -p 127.0.0.1:8000:8000")
    unit = f"[Unit]\nAfter=docker.service\n[Service]\nExecStart=/usr/bin/{start}\nRestart=always\n"
    shapes.put_unit(m, "shop.service", unit + "[Install]\nWantedBy=multi-user.target\n")
    m.sh("systemctl enable -q --now shop")
    site(m, "127.0.0.1:8000")
    shapes.serves(m, FIRST)


def beside_a_unit(m: Machine) -> None:
    """A container of another app beside an app of this machine."""
    published(m)
    blog = shapes.Deployment(name="blog")
    shapes.deploy(m, blog)


def old_unit_left(m: Machine) -> None:
    """The app moved into a container; its unit is stopped and disabled."""
    shapes.deploy(m, TCP)
    m.sh("systemctl disable -q --now shop")
    m.sh("systemctl start docker")
    m.sh(_IMAGE)
    m.sh(run("-d -p 127.0.0.1:8000:8000"))
    shapes.serves(m, FIRST)


def nginx_inside(m: Machine) -> None:
    """nginx in a container, Gunicorn as a service of this machine."""
    shapes.deploy(m, TCP)
    m.sh("systemctl disable -q --now nginx; systemctl start docker")
    m.sh(_IMAGE)
    m.sh("cp -a /etc/nginx /srv/inside; mkdir -p /srv/log/nginx")
    mounts = "-v /srv/inside:/etc/nginx:ro -v /srv/log:/var/log -v /srv/shop:/srv/shop:ro --tmpfs /var/lib/nginx"
    m.sh("rm /etc/nginx/sites-enabled/shop")
    m.sh(run(f"-d --network host {mounts}", program='/usr/sbin/nginx -g "daemon off;"'))
    shapes.serves(m, FIRST)


def supervised(m: Machine, *binds: str) -> None:
    """The app as programs of supervisor."""
    if not m.exists("/srv/shop"):
        shapes.put_app(m, SHOP)
    m.sh("install -d -o shop /run/shop")
    for number, bind in enumerate(binds):
        m.write(f"/etc/supervisor/conf.d/shop{number}.conf", PROGRAM.format(name=f"shop{number}", bind=bind))
    m.sh("systemctl start supervisor")
    for bind in binds:
        answers(m, bind)
    site(m, ";\n    server ".join(binds))
    shapes.serves(m, FIRST)


def supervised_port(m: Machine) -> None:
    supervised(m, "127.0.0.1:8000")


def supervised_socket(m: Machine) -> None:
    supervised(m, "unix:/run/shop/gunicorn.sock")


def supervised_group(m: Machine) -> None:
    supervised(m, "127.0.0.1:8000", "127.0.0.1:8001")


def supervised_beside_a_unit(m: Machine) -> None:
    shapes.deploy(m, shapes.Deployment(name="blog"))
    supervised(m, "127.0.0.1:8000")


def supervised_after_a_unit(m: Machine) -> None:
    """The unit of old is stopped and disabled, and names the same address."""
    shapes.deploy(m, TCP)
    m.sh("systemctl disable -q --now shop")
    supervised(m, "127.0.0.1:8000")
