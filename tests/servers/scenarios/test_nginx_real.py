"""The model against nginx itself: what it accepts, which server and location answer, which headers it sends."""

from __future__ import annotations

import http.server
import itertools
import os
import shutil
import signal
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from factories import make
from servers.nginx_machine import ask, nginx_test, running_nginx, write_config

from doctor.facts.address import AddressKind, unix
from doctor.facts.value import Absent, Known
from doctor.hosts.live import LiveHost
from doctor.servers.nginx import check
from doctor.servers.nginx.collect import _defaults, collect
from doctor.servers.nginx.configured import read_model
from doctor.servers.nginx.include import load
from doctor.servers.nginx.model import ConfigError, Server
from doctor.servers.nginx.process import build
from doctor.servers.nginx.select import location_for, server_for
from doctor.sources.sockets.kernel import table
from doctor.sources.systemd import Unit


def read(conf: Path) -> tuple[tuple[Server, ...], list[ConfigError]]:
    host = LiveHost()
    configuration = load(host, str(conf))
    model = read_model(configuration, _defaults(build(host)), {}, (), parts=False)
    errors = [*configuration.errors, *model.errors, *check.check_certificates(model.servers, host, str(conf.parent))]
    errors.extend(check.check_log_formats(configuration.roots[0]))
    return tuple(server for server, _ in model.servers), errors


def server(body: str, listen: str = "127.0.0.1:18080") -> str:
    return f"server {{\nlisten {listen};\n{body}\n}}\n"


ACCEPTED = {
    "plain": server("location / { proxy_pass http://127.0.0.1:8000; }"),
    "socket": server("location / { proxy_pass http://unix:/run/a.sock; }"),
    "socket with uri": server("location / { proxy_pass http://unix:/run/a.sock:/x; }"),
    "socket without slash": server("location / { proxy_pass http://unix:run/a.sock; }"),
    "empty uri in a regex": server("location ~ /a { proxy_pass http://unix:/run/a.sock:; }"),
    "variable": server("set $a 127.0.0.1:8000; location ~ /a { proxy_pass http://$a/b; }"),
    "group": "upstream shop { server 127.0.0.1:8000 max_fails=0; keepalive 8; }\n"
    + server("location / { proxy_pass http://shop; }"),
    "server name swallows": server("server_name a.test\nroot /srv;\nlocation / { return 200; }"),
    "comment after a name": server("proxy_set_header #Host $host;\nproxy_http_version 1.1;"),
    "index swallows": server("index a\nroot /srv;"),
    "unknown name twice": server("server_name a.test;") + server("server_name a.test;"),
    "exact and prefix": server("location /a { } location = /a { }"),
    "same regex twice": server("location ~ a { } location ~ a { }"),
    "nested": server("location /a/ { location /a/b { root /x; } }"),
    "regex written together": server("location ~\\.css$ { root /x; }"),
    "named": server("location / { try_files $uri @app; } location @app { proxy_pass http://127.0.0.1:8000; }"),
    "named twice": server("location / { try_files $uri @a; } location @a { return 200; } location @b { return 200; }"),
    "quoted brace": server("add_header X \"{\"; add_header Y '}';"),
    "comment at the end": server("") + "# the end",
    "comment with brace": server("# }\nroot /x; # {"),
    "multi-line value": server("location / { try_files\n  $uri\n  $uri/\n  =404;\n}"),
    "log format over lines": "log_format long '$remote_addr '\n '$request '\n'$status';\n"
    + server("access_log /dev/null long;"),
    "if": server(
        "if ($host = a) { return 301 https://b; } location / { if ($arg_a) { proxy_pass http://127.0.0.1:8000; } }"
    ),
    "limit_except": server("location / { limit_except GET { deny all; } }"),
    "default_server on two addresses": server("", "127.0.0.1:18080 default_server")
    + server("", "127.0.0.1:18081 default_server"),
    "return twice": server("return 301 /a; return 302 /b;"),
    "headers twice": server("proxy_set_header A b; proxy_set_header A c; location / { }"),
    "map": "map $host $app { default 127.0.0.1:8000; a.test 127.0.0.1:8001; }\n"
    + server("location / { proxy_pass http://$app; }"),
    "include of nothing": server("include none/*.conf;"),
    "upstream with spaces": "upstream  shop\n{\n server unix:/run/a.sock   fail_timeout=0;\n}\n",
    "uwsgi": server("location / { uwsgi_pass unix:/run/a.sock; }"),
    "uwsgi port": server("location / { uwsgi_pass 127.0.0.1:8000; }"),
    "tls of others": server("ssl_reject_handshake on;", "127.0.0.1:18443 ssl"),
    "listen without port": server("", "127.0.0.1"),
    "options in one": server("", "127.0.0.1:18080 backlog=10") + server("", "127.0.0.1:18080"),
    "two members, one address": "upstream shop { server 127.0.0.1:8000; server 127.0.0.1:8000; }\n",
    "empty file": "",
    "escaped": server(r"location ~ \.(css|js)$ { } rewrite ^/a\;b /c;"),
    "type block": "types { text/x root; text/y listen; }\n" + server(""),
    "case of a group": "upstream Shop { server 127.0.0.1:8000; }\n" + server("location / { proxy_pass http://shop; }"),
    "proxy_pass with upper case scheme": server("location / { proxy_pass HTTP://127.0.0.1:8000; }"),
    "internal": server("location /x { internal; alias /srv/; }"),
    "proxy headers in if of server": server("location / { if ($arg_x) { return 404; } proxy_set_header A b; }"),
    "brace within a word": server("root /srv/a}b; add_header X a}b;"),
    "return of a url": server("return https://a.test$request_uri;"),
    "times": server(
        "proxy_read_timeout 1h30m; proxy_send_timeout 1m30s; proxy_connect_timeout 500ms; client_body_timeout 90;"
    ),
    "more times": server("proxy_read_timeout '1d 2h'; proxy_send_timeout 1m5; client_body_timeout 1s;"),
    "sizes": server("client_max_body_size 1G;")
    + server("client_max_body_size 10m;")
    + server("client_max_body_size 0; proxy_buffer_size 8K;"),
    "flags": server("proxy_buffering OFF; gzip On;"),
    "regex in a prefix": server(
        "location /a { location ~ b { } location ~* c { } location = /a/b { } location ^~ /a/c { } }"
    ),
    "access_log in if": server("location / { if ($arg_x) { access_log off; } }"),
    "root in if": server("location / { if ($arg_x) { root /srv; } }"),
}

REFUSED = {
    "missing brace": "server {\nlisten 127.0.0.1:18080;\nlocation / {\n proxy_pass http://127.0.0.1:8000;\n}\n",
    "brace too many": server("") + "}\n",
    "listen swallows": "server {\nlisten 127.0.0.1:18080\nserver_name a.test;\n}\n",
    "access_log swallows": server("access_log /dev/null\nproxy_set_header Host $host;"),
    "access_log before a block": server("access_log /dev/null\nlocation / { return 200; }"),
    "server_name before a block": server("server_name a.test\nlocation / { return 200; }"),
    "root swallows": server("root /srv\nindex a;"),
    "proxy_pass swallows": server("location / {\nproxy_pass http://127.0.0.1:8000\nproxy_read_timeout 5s;\n}"),
    "header swallows": server("location / {\nproxy_set_header Host $host\nproxy_pass http://127.0.0.1:8000;\n}"),
    "add_header swallows": server("add_header A b\nroot /x;"),
    "error_log swallows": server("error_log /dev/null\nroot /x;"),
    "last of a block": server("root /srv"),
    "last of the file": server("") + "server_tokens off",
    "only a semicolon": server(";"),
    "block without name": server("{ }"),
    "location with semicolon": server("location /;"),
    "no scheme": server("location / { proxy_pass 127.0.0.1:8000; }"),
    "path as target": server("location / { proxy_pass /run/a.sock; }"),
    "wrong scheme": server("location / { proxy_pass tcp://127.0.0.1:8000; }"),
    "uri in a regex": server("location ~ /a { proxy_pass http://127.0.0.1:8000/; }"),
    "uri in a named": server("location @a { proxy_pass http://127.0.0.1:8000/; }"),
    "uri in if": server("location / { if ($arg_a) { proxy_pass http://127.0.0.1:8000/; } }"),
    "socket uri in a regex": server("location ~ /a { proxy_pass http://unix:/run/a.sock:/; }"),
    "bad port": server("location / { proxy_pass http://127.0.0.1:port; }"),
    "no path": server("location / { proxy_pass http://unix:; }"),
    "group with port": "upstream shop { server 127.0.0.1:8000; }\n"
    + server("location / { proxy_pass http://shop:80; }"),
    "group twice": "upstream shop { server 127.0.0.1:8000; }\nupstream shop { server 127.0.0.1:8001; }\n",
    "empty group": "upstream shop { }\n" + server("location / { proxy_pass http://shop; }"),
    "member without port": "upstream shop { server unix:; }\n",
    "tls without certificate": server("", "127.0.0.1:18443 ssl"),
    "certificate missing": server(
        "ssl_certificate /nowhere/a.pem; ssl_certificate_key /nowhere/a.key;", "127.0.0.1:18443 ssl"
    ),
    "certificate missing without tls": server("ssl_certificate /nowhere/a.pem; ssl_certificate_key /nowhere/a.key;"),
    "certificate without key": server("ssl_certificate /etc/hostname;", "127.0.0.1:18443 ssl"),
    "two defaults": server("", "127.0.0.1:18080 default_server") + server("", "127.0.0.1:18080 default_server"),
    "listen twice": server("listen 127.0.0.1:18080;"),
    "listen options twice": server("", "[::1]:18080 ipv6only=on") + server("", "[::1]:18080 ipv6only=on"),
    "listen parameter": server("", "127.0.0.1:18080 tls"),
    "listen port": server("", "127.0.0.1:99999"),
    "location twice": server("location /a { } location /a { }"),
    "location twice, one ^~": server("location /a { } location ^~ /a { }"),
    "exact twice": server("location = /a { } location = /a { }"),
    "root twice": server("root /a; root /b;"),
    "root and alias": server("location /a { root /a; alias /b; }"),
    "timeout twice": server("proxy_read_timeout 5s; proxy_read_timeout 6s;"),
    "proxy_pass twice": server("location / { proxy_pass http://127.0.0.1:8000; proxy_pass http://127.0.0.1:8001; }"),
    "http_version twice": server("location / { proxy_http_version 1.1; proxy_http_version 1.1; }"),
    "alias in server": server("alias /x;"),
    "proxy_pass in server": server("proxy_pass http://127.0.0.1:8000;"),
    "location in http": "location / { }\n",
    "server in server": server("server { }"),
    "listen in http": "listen 18080;\n",
    "headers in if": server("location / { if ($arg_a) { proxy_set_header A b; } }"),
    "typo": server("location / { proxy_pas http://127.0.0.1:8000; }"),
    "typo of server_name": server("sever_name a.test;"),
    "one header argument": server("proxy_set_header Host;"),
    "three header arguments": server("proxy_set_header Host $host x;"),
    "two roots in one": server("root /a /b;"),
    "body size without value": server("client_max_body_size;"),
    "include missing": server("include snippets/none.conf;"),
    "include itself": server("include sites/a;"),
    "unknown log format": server("access_log /dev/null main;"),
    "try_files with one": server("location / { try_files $uri; }"),
    "map without end": "map $host $x {\ndefault 1;\n" + server(""),
    "server without end": "server {\nlisten 127.0.0.1:18080;\n" + server(""),
    "named in a location": server("location / { location @a { } }"),
    "keepalive in a location": server("location / { keepalive 8; }"),
    "server with semicolon": "server;\n",
    "return of words": server("return ok;"),
    "return glued to its code": server("return 301https://a.test;"),
    "brace glued to a word": "server { listen 127.0.0.1:18080; return 200 ok}\n",
    "stray quote": server("'' x;"),
    "nested outside": server("location /a/ { location /b { } }"),
    "nested outside a regex": server("location ~ a$ { location /b { } }"),
    "in an exact": server("location = /a { location /a/b { } }"),
    "in a named": server("location @a { location /b { } }"),
    "time": server("proxy_read_timeout 1 hour;"),
    "time of words": server("proxy_read_timeout long;"),
    "time with a wrong unit": server("proxy_read_timeout 5x;"),
    "time in the wrong order": server("proxy_read_timeout 5s1m;"),
    "size": server("client_max_body_size 10MB;"),
    "flag": server("proxy_buffering yes;"),
    "byte order mark": "\ufeffserver { listen 127.0.0.1:18080; }\n",
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_what_nginx_accepts_is_no_fatal_error(text: str, tmp_path: Path) -> None:
    conf = write_config(tmp_path, {"a": text})
    accepted, said = nginx_test(conf)
    assert accepted, said
    assert [e for e in read(conf)[1] if e.fatal] == []


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_nginx_refuses_is_a_fatal_error(text: str, tmp_path: Path) -> None:
    conf = write_config(tmp_path, {"a": text})
    accepted, said = nginx_test(conf)
    assert not accepted
    assert [e for e in read(conf)[1] if e.fatal], said


def test_a_link_to_nothing_among_the_sites_stops_nginx(tmp_path: Path) -> None:
    conf = write_config(tmp_path, {"a": ""})
    (tmp_path / "sites" / "gone").symlink_to("/nowhere")
    assert not nginx_test(conf)[0]
    assert "link to nothing" in read(conf)[1][0].message


def test_a_directory_among_the_sites_stops_nginx(tmp_path: Path) -> None:
    conf = write_config(tmp_path, {"a": ""})
    (tmp_path / "sites" / "dir").mkdir()
    assert not nginx_test(conf)[0]
    assert "is a directory" in read(conf)[1][0].message


def location(modifier: str, pattern: str, inner: str = "") -> str:
    label = f"{modifier} {pattern}".replace("$", "END")
    return f"location {modifier} {pattern} {{ return 200 '{label}'; {inner} }}\n"


LOCATIONS = (
    location("", "/")
    + location("", "/static")
    + location("", "/static/")
    + location("^~", "/static/fixed/")
    + location("=", "/static/")
    + location("~", r"\.css$")
    + location("~*", r"\.JS$")
    + location("~", r"^/static/(?<year>\d+)/")
    + location("", "/deep/", location("", "/deep/er/", location("~", r"/er/\d+$")) + location("~*", r"\.png$"))
    + location("^~", "/quiet/", location("", "/quiet/x/") + location("~", r"\.css$"))
    + location("=", "/exact")
    + location("", "/other/")
)
PATHS = [
    "/", "/x", "/static", "/static/", "/static/a", "/static/a.css", "/static/fixed/a.css", "/static/a.js",
    "/static/a.jS", "/static/2024/x", "/static/2024/x.css", "/deep/", "/deep/a.css", "/deep/a.PNG", "/deep/er/7",
    "/deep/er/7.css", "/deep/er/x", "/quiet/a", "/quiet/a.css", "/quiet/x/a", "/quiet/x/a.css", "/quiet/x/a.js",
    "/exact",
    "/exact/", "/exactly", "/statics", "/STATIC/",
]  # fmt: skip


def test_the_same_location_answers(tmp_path: Path) -> None:
    sock = tmp_path / "s"
    conf = write_config(tmp_path, {"a": server(LOCATIONS, f"unix:{sock}")})
    (model,), errors = read(conf)
    assert not errors
    with running_nginx(conf, sock):
        for path in PATHS:
            answer = location_for(model, path)
            assert isinstance(answer, Known), path
            label = f"{answer.value.modifier} {answer.value.pattern}"
            assert label.replace("$", "END") == ask(sock, path), path


NAMES = [
    "a.test", "www.a.test", "deep.www.a.test", "A.TEST", "b.test", "x.b.test", "shop.example", "shop.org", "none.test",
    "127.0.0.1", "api7.test", "c.test", "x.c.test", "twice.test", "a.test.",
]  # fmt: skip
SERVERS = [
    "a.test", "*.a.test", "*.www.a.test", ".b.test", "shop.*", r"~^api\d+\.test$", "~^API", "c.test *.c.test",
    "twice.test", "twice.test", "_", "shop.example",
]  # fmt: skip


@pytest.mark.parametrize("default", [None, 3])
def test_the_same_server_answers(tmp_path: Path, default: int | None) -> None:
    sock, other = tmp_path / "s", tmp_path / "o"
    text = "".join(
        f"server {{ listen unix:{sock}{' default_server' * (i == default)}; server_name {n}; return 200 {i}; }}\n"
        for i, n in enumerate(SERVERS)
    )
    text += f'server {{ listen unix:{other}; server_name a.test; return 200 "other"; }}\n'
    conf = write_config(tmp_path, {"a": text})
    servers, _ = read(conf)
    with running_nginx(conf, sock):
        for socket_path, name in itertools.product((sock, other), NAMES):
            chosen = server_for(servers, name, unix(str(socket_path)))
            assert chosen is not None
            assert isinstance(chosen.locations[0].returns, Known)
            assert chosen.locations[0].returns.value == f"200 {ask(socket_path, '/', name)}", name


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the headers it was sent."""

    def do_GET(self) -> None:
        body = "\n".join(f"{k.lower()}={v}" for k, v in self.headers.items()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def echo(path: Path) -> Iterator[None]:
    backend = socketserver.UnixStreamServer(str(path), Echo)
    os.chmod(path, 0o777)
    thread = threading.Thread(target=backend.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        backend.shutdown()
        backend.server_close()
        thread.join()


def test_the_same_headers_arrive(tmp_path: Path) -> None:
    sock, app = tmp_path / "s", tmp_path / "app"
    target = f"proxy_pass http://unix:{app}:;"
    body = (
        "proxy_set_header X-Server 1;"
        f"location /inherits {{ {target} }}"
        f"location /own {{ {target} proxy_set_header X-Own 2; }}"
        f"location /included {{ {target} include params/proxy; }}"
        f"location /nested {{ {target} proxy_set_header X-Outer 3; location /nested/in {{ {target} }} }}"
        f"location /files {{ root /nowhere; try_files $uri @app; }}"
        f"location @app {{ {target} proxy_set_header X-Named 4; }}"
    )
    sites = {"a": server(body, f"unix:{sock}"), "params/proxy": "proxy_set_header X-A 5;\nproxy_set_header X-B 6;\n"}
    conf = write_config(tmp_path, sites, http="proxy_set_header X-Http 7;", main="user root;")
    (model,), errors = read(conf)
    assert not errors
    with echo(app), running_nginx(conf, sock):
        for path in ("/inherits", "/own", "/included", "/nested", "/nested/in", "/files"):
            answer = location_for(model, path)
            assert isinstance(answer, Known)
            headers = answer.value.headers
            assert isinstance(headers, Known)
            arrived = {tuple(line.split("=", 1)) for line in ask(sock, path).splitlines() if line.startswith("x-")}
            assert set(headers.value) == arrived, path
            assert isinstance(answer.value.upstream, Known)
            peer = answer.value.upstream.value.peers[0].address
            assert isinstance(peer, Known)
            assert (peer.value.kind, peer.value.path) == (AddressKind.UNIX, str(app))


def test_files_are_included_in_the_order_of_nginx(tmp_path: Path) -> None:
    sock = tmp_path / "s"
    names = ["b", "B", "a~", "10-x", "9-x", "_x", ".hidden", "a.bak", "é"]
    sites = {name: f'server {{ listen unix:{sock}; return 200 "{name}"; }}' for name in names}
    conf = write_config(tmp_path, sites)
    servers, _ = read(conf)
    assert "/.hidden" not in " ".join(s.place.path for s in servers)
    with running_nginx(conf, sock):
        # The first server of an address is its default.
        first = servers[0].locations[0].returns
        assert isinstance(first, Known)
        assert ask(sock, "/", "nobody.test") == first.value.removeprefix("200 ")


def changed(pid: int) -> object:
    host = LiveHost()
    nginx = collect(host, Known(make(Unit, name="nginx.service", main_pid=Known(pid))), table(host))
    assert isinstance(nginx.master, Known)
    assert nginx.master.value.pid == pid
    return nginx.newer_files


def until_changed(pid: int, kind: type) -> object:
    for _ in range(50):
        found = changed(pid)
        if isinstance(found, kind):
            return found
        time.sleep(0.05)
    pytest.fail(f"still {found}")


def test_changes_are_seen_until_nginx_is_reloaded(tmp_path: Path) -> None:
    sock = tmp_path / "s"
    conf = write_config(tmp_path, {"a": server("return 200;", f"unix:{sock}")}, main="user root;")
    kept = tmp_path / "available" / "a"
    kept.parent.mkdir()
    shutil.move(tmp_path / "sites" / "a", kept)
    (tmp_path / "sites" / "a").symlink_to(kept)
    (tmp_path / "sites" / "b").symlink_to(kept)
    replacement = tmp_path / "replacement"
    shutil.copy2(kept, replacement)
    time.sleep(0.3)
    with running_nginx(conf, sock) as pid:
        time.sleep(0.3)
        until_changed(pid, Absent)
        kept.chmod(0o600)
        assert isinstance(changed(pid), Absent)
        (tmp_path / "sites" / "b").unlink()
        removed = changed(pid)
        assert isinstance(removed, Known)
        assert removed.value == (str(tmp_path / "sites"),)
        os.kill(pid, signal.SIGHUP)
        until_changed(pid, Absent)
        time.sleep(0.3)
        replacement.rename(kept)  # keeps its old mtime
        replaced = changed(pid)
        assert isinstance(replaced, Known)
        assert replaced.value == (str(kept),)
        os.kill(pid, signal.SIGHUP)
        until_changed(pid, Absent)
        time.sleep(0.3)
        kept.write_text(kept.read_text() + "# edited\n")
        edited = changed(pid)
        assert isinstance(edited, Known)
        assert edited.value == (str(kept),)


def test_an_absent_location_is_the_server_itself(tmp_path: Path) -> None:
    conf = write_config(tmp_path, {"a": server("location /a { return 200; }", f"unix:{tmp_path}/s")})
    (model,), _ = read(conf)
    assert isinstance(location_for(model, "/b"), Absent)
