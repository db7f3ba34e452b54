"""What an app's user can make root's look show: no more than he may see by himself.

Each way plants a path to something of root or of another user where the app's user may write, asks for every output
there is, and looks for what was planted. A healthy machine with strict permissions loses nothing by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab import shapes
from lab.asking import ask
from lab.machine import Machine
from lab.recipe import brief

pytestmark = pytest.mark.usefixtures("lab")

WORDS = ("marmalade", "quokka")
"""In every planted file and name: of root, and of another user. No redactor takes them for a secret."""

COMMIT = {"marmalade": "feedface" * 5, "quokka": "deadbea7" * 5}

PLANT = """
mkdir -p $1/refs; chmod 0700 $1
echo "$2:x" >$1/hash
echo "[2026-11-30 10:00:00 +0000] [7] [ERROR] $2" >$1/gunicorn.log
echo "2026/11/30 10:00:00 [error] 7#7: *1 $2" >$1/nginx.log
echo "import ${2}_module" >$1/code.py
echo "timeout = '$2'" >$1/gunicorn.conf.py
echo "$2 on;" >$1/nginx.conf
echo "$2_NAME=1" >$1/env
echo '{"app.css": "'$2'.css"}' >$1/manifest.json
echo '<link href="'$2'.css?v=1">' >$1/page.html
echo $3 >$1/ref; echo $3 >$1/HEAD; echo "$2" >$1/REVISION
: >$1/$2-name; mkdir -p $1/$2-package; : >$1/$2-package/__init__.py
chmod -R go= $1; chown -R $4: $1
"""

HERE = "/srv/shop/current"
CONF = f"{HERE}/gunicorn.conf.py"


@dataclass(frozen=True)
class Way:
    """`script` makes it as root would see it afterwards, with `$T` the folder planted; what it makes is the app's."""

    name: str
    script: str
    undo: str = ""


def _conf(line: str) -> str:
    return f"echo '{line}' | sed s,TARGET,$T, >{CONF}; chown shop: {CONF}"


def _link(path: str, target: str) -> str:
    return f"ln -sfn {target} {path}; chown -h shop: {path}"


_PIDFILE = _conf('pidfile = "/srv/shop/pid"')
_SITE = "/etc/nginx/sites-available/shop"
_INCLUDE = f"sed -i 's,location / {{,include /srv/shop/nginx.conf; location / {{,' {_SITE}"
_GIT = f"mkdir -p {HERE}/.git; chown shop: {HERE}/.git"
_IMPORT = f"echo 'import extra' >>{HERE}/wsgi.py"
_NGINX = "/srv/shop/nginx.conf; chown shop: /srv/shop/nginx.conf"
_SITES = "$(echo /srv/shop/venv/lib/python3*/site-packages)"

WAYS = (
    Way("pidfile", _conf('pidfile = "TARGET/hash"')),
    Way("pidfile of the kernel", _conf('pidfile = "/proc/1/root/TARGET/hash"')),
    Way("pidfile by a link", f"{_link('/srv/shop/pid', '$T/hash')}; {_PIDFILE}"),
    Way("pidfile in a folder that is a link", f"{_link('/srv/shop/run', '$T')}; "
        + _conf('pidfile = "/srv/shop/run/hash"')),
    Way("errorlog", _conf('errorlog = "TARGET/gunicorn.log"')),
    Way("errorlog by the kernel's names", _conf('errorlog = "/proc/1/root/TARGET/gunicorn.log"')),
    Way("chdir", _conf('chdir = "TARGET"')),
    Way("pythonpath", _conf('pythonpath = "TARGET"') + f"; {_IMPORT}"),
    Way("config file", _link(CONF, "$T/gunicorn.conf.py")),
    Way("git branch", f"{_GIT}; echo ref: ../../../../../$T/ref >{HERE}/.git/HEAD"),
    Way("git folder", f"echo gitdir: $T >{HERE}/.git; chown shop: {HERE}/.git"),
    Way("git common folder", f"{_GIT}; echo ref: ref >{HERE}/.git/HEAD; echo ../../../../..$T >{HERE}/.git/commondir"),
    Way("module by a link", f"{_link(f'{HERE}/extra.py', '$T/code.py')}; {_IMPORT}"),
    Way("package by a link", f"{_link(f'{HERE}/extra', '$T')}; {_IMPORT}"),
    Way("module by a second name", f"cp -a $T/code.py /srv/shop/.c; ln /srv/shop/.c {HERE}/extra.py; {_IMPORT}"),
    Way(
        "module mounted",
        f": >{HERE}/extra.py; mount --bind $T/code.py {HERE}/extra.py; {_IMPORT}",
        f"umount {HERE}/extra.py",
    ),
    Way("pth", f"echo $T >{_SITES}/evil.pth; chown shop: {_SITES}/evil.pth; {_IMPORT}", f"rm {_SITES}/evil.pth"),
    Way(
        "editable finder",
        f"echo 'import __editable___evil_finder' >{_SITES}/evil.pth; "
        f"""echo "MAPPING = {{'extra': '$T'}}" >{_SITES}/__editable___evil_finder.py; {_IMPORT}""",
        f"rm {_SITES}/evil.pth {_SITES}/__editable___evil_finder.py",
    ),
    Way("pyvenv.cfg", f"mkdir -p $T/bin; sed -i s,^home.*,home=$T/bin, /srv/shop/venv/pyvenv.cfg; {_IMPORT}"),
    Way("static folder", f"rm -rf {HERE}/shop/static; {_link(f'{HERE}/shop/static', '$T')}"),
    Way("manifest", _link(f"{HERE}/shop/static/manifest.json", "$T/manifest.json")),
    Way("package.json", _link(f"{HERE}/package.json", "$T/manifest.json")),
    Way("templates", _link(f"{HERE}/shop/templates", "$T")),
    Way("revision", _link(f"{HERE}/REVISION", "$T/REVISION")),
    Way("dotenv", _link(f"{HERE}/.env", "$T/env")),
    Way(
        "environment file by a link",
        f"{_link('/srv/shop/env', '$T/env')}; sed -i s,^EnvironmentFile=.*,EnvironmentFile=/srv/shop/env, "
        "/etc/systemd/system/shop.service; systemctl daemon-reload",
    ),
    Way(
        "start script",
        f"{_link('/srv/shop/start.sh', '$T/code.py')}; sed -i s,^ExecStart=.*,ExecStart=/srv/shop/start.sh, "
        "/etc/systemd/system/shop.service; systemctl daemon-reload",
    ),
    Way("nginx include", f"echo include $T/nginx.conf\\; >{_NGINX}; {_INCLUDE}"),
    Way("nginx includes", f"echo include $T/*\\; >{_NGINX}; {_INCLUDE}"),
    Way(
        "nginx site",
        f"{_link('/srv/shop/site', '$T/nginx.conf')}; ln -sfn /srv/shop/site /etc/nginx/sites-enabled/other",
    ),
    Way("nginx error log", f"echo error_log $T/nginx.log\\; >{_NGINX}; "
        f"sed -i 's,server_name,include /srv/shop/nginx.conf; server_name,' {_SITE}"),
    Way("nginx files", f"echo location /x/ {{ alias $T/\\; }} >{_NGINX}; {_INCLUDE}"),
    Way(
        "nginx access log",
        f"echo access_log $T/nginx.log\\; >{_NGINX}; sed -i 's,server_name,include /srv/shop/nginx.conf; &,' {_SITE}",
    ),
    Way(
        "nginx files, named further in",
        f"echo alias $T/\\; >{_NGINX}; "
        f"sed -i 's,location / {{,location /x/ {{ include /srv/shop/nginx.conf; }} &,' {_SITE}",
    ),
    Way("nginx upstream", f"echo location /x/ {{ proxy_pass http://unix:$T/hash\\; }} >{_NGINX}; {_INCLUDE}"),
    Way("nginx certificate", f"echo ssl_certificate $T/hash\\; ssl_certificate_key $T/none\\; >{_NGINX}; "
        f"sed -i 's,server_name,include /srv/shop/nginx.conf; &,' {_SITE}"),
    Way("bind", _conf('bind = "unix:TARGET/hash"')),
    Way("bind in a folder that is a link", f"{_link('/srv/shop/run', '$T')}; "
        + _conf('bind = "unix:/srv/shop/run/hash"')),
    Way("settings that are files", _conf('certfile = keyfile = logconfig = accesslog = "TARGET/hash"; '
        'worker_tmp_dir = "TARGET"')),
    Way("current release", _link(HERE, "$T")),
    Way("virtual environment", _link("/srv/shop/venv", "$T")),
    Way("program", _link("/srv/shop/venv/bin/gunicorn", "$T/code.py")),
    Way(
        "a link that turns",
        f"{_PIDFILE}; echo 1 >/srv/shop/own; setsid sh -c 'while ln -sfn $0/hash /srv/shop/pid; do "
        "ln -sfn /srv/shop/own /srv/shop/pid; done' $T >/dev/null 2>&1 </dev/null & echo $! >/run/turning",
        "kill $(cat /run/turning); sleep 0.1",
    ),
)  # fmt: skip

FOLDERS = {"marmalade": ("/root/private", "root"), "quokka": ("/home/other/private", "other")}


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """An app of user shop, whose folder is kept to be put back after each way."""
    with Machine() as m:
        shapes.unix(m)
        m.sh("useradd -m other; chmod 755 /home/other")
        for word, (folder, owner) in FOLDERS.items():
            m.run(("/bin/bash", "-ec", PLANT, "sh", folder, word, COMMIT[word], owner))
        m.sh("chown -R shop: /srv/shop; systemctl restart shop; sysctl -qw fs.protected_hardlinks=0 || true")
        shapes.serves(m, shapes.FIRST)
        m.sh("mkdir /var/kept; cp -a /srv/shop /etc/nginx /etc/systemd/system /var/kept")
        yield m


def _restore(m: Machine) -> None:
    m.sh(
        "for kept in shop:/srv/shop nginx:/etc/nginx system:/etc/systemd/system; do "
        'to=${kept#*:}; find "$to" -mindepth 1 -delete; cp -a "/var/kept/${kept%%:*}/." "$to"; done; '
        "systemctl daemon-reload"
    )


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_nothing_of_others_is_shown(machine: Machine, way: Way, word: str) -> None:
    folder, _ = FOLDERS[word]
    machine.sh(f"T={folder}; {way.script}")
    try:
        outputs = {
            " ".join(words): (done := ask(machine, *words)).stdout + done.stderr
            for words in (
                ("check",),
                ("check", "--format", "json"),
                ("check", "--format", "concise"),
                ("check", "--diff", "--unsafe-fixes"),
            )
        }
        outputs["snapshot"] = machine.snapshot()
    finally:
        machine.sh(way.undo or "true")
        _restore(machine)
    for name, text in outputs.items():
        assert "bug of its own" not in text, text[-2000:]
        lines = [line for line in text.splitlines() if word in line or COMMIT[word] in line]
        assert not lines, f"{name}: {lines[0][:600]}"
    asked = f'"{folder}/'
    answered = [
        line
        for line in outputs["snapshot"].splitlines()
        if asked in line.partition('"answer":')[0] and '"answer":{"type"' in line
    ]
    assert not answered, answered[0][:600]


STRICT = """
usermod -aG shop www-data
groupadd code; usermod -aG code shop
install -d -o root -g root -m 0711 /home/deploy
mv /srv/shop /home/deploy/shop; ln -s /home/deploy/shop /srv/shop
chown -R root:code /home/deploy/shop; chown root:code /srv/shop/current/shop/static
chmod -R u=rwX,g=rX,o= /home/deploy/shop; chmod 0755 /home/deploy/shop /home/deploy/shop/releases
chmod 0755 /home/deploy/shop/releases/* ; chmod -R o=rX /home/deploy/shop/releases/*/shop
mv /etc/shop.env /srv/shop/env; chown root:root /srv/shop/env; chmod 0600 /srv/shop/env
sed -i s,^EnvironmentFile=.*,EnvironmentFile=/srv/shop/env, /etc/systemd/system/shop.service
chmod 0600 /etc/systemd/system/shop.service /etc/nginx/sites-available/shop
install -o shop -g adm -m 0640 /dev/null /var/log/shop.log
printf 'errorlog = "/var/log/shop.log"\\npidfile = "/run/shop/pid"\\n' >/srv/shop/current/gunicorn.conf.py
chown root:code /srv/shop/current/gunicorn.conf.py; chmod 0640 /srv/shop/current/gunicorn.conf.py
systemctl daemon-reload; systemctl restart shop; systemctl reload nginx
"""
"""Legal, and as strict as people make it: a home of root's that may only be passed, code for the app's supplementary
group alone, an environment file, a unit and a site for root alone, a log for its writers."""


@pytest.mark.parametrize("strict", ["", STRICT], ids=["usual", "strict"])
def test_a_healthy_machine_is_seen_whole(strict: str) -> None:
    with Machine() as m:
        shapes.unix(m)
        m.sh(f"sleep 1.1; systemctl reload nginx; {strict}")
        shapes.serves(m, shapes.FIRST)
        report = m.check()
        assert not [item for item in report["findings"] if item["severity"] != "info"], brief(report)
        assert report["unknown"] == []
        assert report["verdict"] == "healthy", brief(report)


def test_the_ways_are_ways(machine: Machine) -> None:
    """What was planted is there to be found, and the app's user does not find it."""
    for word, (folder, _) in FOLDERS.items():
        assert word in machine.sh(f"cat {folder}/hash; ls {folder}")
        assert machine.run(("runuser", "-u", "shop", "--", "ls", folder), check=False).returncode != 0
