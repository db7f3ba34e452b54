"""Generated configurations, valid and not: what is called an error, real nginx refuses; never the other way round."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from servers.nginx_machine import nginx_test, write_config
from servers.scenarios.test_nginx_real import read

_ANYWHERE = (
    "root /srv;", "index a b;", "gzip on;", "sendfile off;", "tcp_nopush on;", "client_max_body_size 10m;",
    "expires 1d;", "proxy_read_timeout 1h30m;", "proxy_send_timeout '1m 5s';", "proxy_buffering OFF;",
    "proxy_set_header Host $host;", "proxy_http_version 1.1;", "add_header A b always;", "error_page 404 =200 /x;",
    "error_page 502 @down;", "try_files $uri $uri/ =404;", "return 301 https://$host$request_uri;", "return 200 ok;",
    "access_log off;", "set $a b;", "rewrite ^/a /b last;", "deny all;", "allow 127.0.0.1;", "autoindex on;",
    "charset utf-8;", "keepalive_timeout 5 10;", "types { text/x x; }", "default_type text/plain;",
    "include none/*.conf;",
    "log_not_found off;", "proxy_redirect off;", "ssl_protocols TLSv1.2 TLSv1.3;", "if ($host = a) { return 404; }",
    "if ($arg_a) { set $b c; }", "server_tokens off; # and on\n", 'add_header X "a;b{c}";', "satisfy any;",
    "proxy_cookie_path / '/; Secure';", "auth_basic off;", "etag off;", "client_body_timeout 90;",
    "proxy_buffer_size 8k;", "access_log /dev/null combined;", "proxy_ssl_server_name on;", "add_header Some value;",
    "resolver 127.0.0.1; # of this machine\n", "proxy_next_upstream error timeout\n  http_502;",
)  # fmt: skip
_IN_LOCATION = (
    "alias /srv/;", "internal;", "proxy_pass http://127.0.0.1:8000;", "proxy_pass http://unix:/run/a.sock;",
    "proxy_pass http://$a;", "uwsgi_pass unix:/run/a.sock;", "fastcgi_pass 127.0.0.1:9000;",
    "limit_except GET { deny all; }", "proxy_pass http://127.0.0.1:8000/;", "proxy_pass http://shop;",
)  # fmt: skip
_IN_SERVER = (
    "server_name a.test b.test;", "server_name ~^api$ .c.test;", "listen 127.0.0.1:18081;", "real_ip_header X;",
    "listen 127.0.0.1:18083 default_server;", "ssl_reject_handshake on;", "large_client_header_buffers 4 16k;",
    "listen 127.0.0.1:18443 ssl; ssl_reject_handshake on;", "listen [::1]:18080 ipv6only=on;",
)  # fmt: skip
_WRONG = (
    "client_max_body_size 10MB;", "proxy_read_timeout 5 s;", "proxy_set_header Host;", "try_files $uri;", "return ok;",
    "root /srv\nindex a;", "root /srv; # the site of\nthe shop;\n", "gzip on # yes\n;", "proxy_pass 127.0.0.1:8000;",
    "listen 18081;", "server_tokens off", "location / { }", "listen 127.0.0.1:18443 ssl;", "include none;", "root a b;",
    "proxy_pass http://shop/;", "server_name a\nlocation /x { }", "access_log off\nroot /x;", "proxy_pas http://a;",
)  # fmt: skip
_LOCATIONS = ("/", "/a", "/a/", "= /a", "^~ /b", "~ \\.css$", "~* ^/b", "@down", "/a/b", "= /", "~^/c")
_INNER = ("/a/b/c", "~ \\.js$", "/a/b/c/d", "= /a/b/c")
_TOPS = (
    "upstream shop { server 127.0.0.1:8000; keepalive 8; }\n",
    "upstream shop { server unix:/run/a.sock fail_timeout=0; server 127.0.0.1:8001 backup; }\n",
    "upstream other { ip_hash; server 127.0.0.1:8000 max_fails=0; }\n",
    "upstream empty { }\n",
    "map $http_upgrade $up { default upgrade; '' close; }\n",
    "log_format long '$request' '$status';\n",
    "limit_req_zone $binary_remote_addr zone=z:1m rate=1r/s;\n",
    "gzip on;\n",
    "server_tokens off;\n",
)
_MANGLED = (";", "{", "}", "#", '"', "\n", " ")


def _block(rng: random.Random, own: tuple[str, ...], depth: int = 0) -> list[str]:
    lines = [*rng.sample(_ANYWHERE, rng.randint(1, 3)), *rng.sample(own, rng.randint(0, 1))]
    if depth < 2 and rng.random() < 0.6:
        for pattern in rng.sample(_LOCATIONS if depth == 0 else _INNER, rng.randint(1, 2)):
            lines += [f"location {pattern} {{", *_block(rng, _IN_LOCATION, depth + 1), "}"]
    return lines


def generated(seed: int) -> str:
    rng = random.Random(seed)
    lines = rng.sample(_TOPS, rng.randint(0, 3))
    for _ in range(rng.randint(1, 2)):
        lines += ["server {", f"listen 127.0.0.1:{rng.choice((18080, 18082))};", *_block(rng, _IN_SERVER), "}"]
    if rng.random() < 0.3:
        lines.insert(rng.randint(0, len(lines)), rng.choice(_WRONG))
    text = "\n".join(lines) + "\n"
    if rng.random() < 0.2:  # a slip of the hand
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice(_MANGLED) + text[at + rng.randint(0, 1) :]
    return text


@pytest.mark.parametrize("start", range(0, 240, 40))
def test_no_generated_configuration_is_refused_by_us_alone(start: int, tmp_path: Path) -> None:
    accepted = 0
    for seed in range(start, start + 40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        text = generated(seed)
        conf = write_config(folder, {"a": text})
        ours = [error for error in read(conf)[1] if error.fatal]
        taken, said = nginx_test(conf)
        accepted += taken
        assert not (taken and ours), f"nginx takes this, and we say {ours}:\n{text}\n{said}"
    assert accepted > 5  # some of them are valid, or this proves nothing
