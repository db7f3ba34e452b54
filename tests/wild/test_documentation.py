"""Notes with configuration among their sentences are documentation; configuration stays what it is."""

from __future__ import annotations

import pytest

from doctor.hosts.base import DocumentKind
from doctor.hosts.classify import classify

SITE = "server {\n    listen 80;\n    server_name shop.test;\n    location / { proxy_pass http://127.0.0.1:8000; }\n}\n"
UNIT = "[Unit]\nDescription=Shop\n\n[Service]\nExecStart=/srv/shop/venv/bin/gunicorn wsgi:app\n"
NOTES = (
    "1. Listen on another port:\n\n{}",
    "Deploying\n=========\n\nPut this into sites-available:\n\n{}\nThen reload nginx.\n",
    "- add the following\n\n{}",
    "{}\n\nAfter that, restart the service.\n",
    "add this to your server:\n{}",
    "```\n{}```\n",
)


@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("name", ["NOTES.txt", "deploy/notes", "docs/nginx-howto.txt", "INSTALL"])
def test_a_note_with_a_server_block_is_no_configuration(name: str, note: str) -> None:
    assert classify(name, note.format(SITE)) is not DocumentKind.NGINX


@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("name", ["NOTES.txt", "deploy/notes", "docs/unit.txt"])
def test_a_note_with_a_unit_is_no_unit(name: str, note: str) -> None:
    assert classify(name, note.format(UNIT)) not in {DocumentKind.UNIT, DocumentKind.DROPIN}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("site.txt", SITE),
        ("shop", "# Put this into sites-available.\n" + SITE),
        ("shop", "log_format m '$remote_addr'\n '$status';\nproxy_cache_path /var/cache\n  keys_zone=a:1m;\n" + SITE),
        ("shop", "upstream shop\n{\n  server 127.0.0.1:8000;\n}\n" + SITE),
        ("sites-available/shop", "server {\n listen 80; # Managed by\nThe tool of the host.\n}\n"),
        ("shop.conf", "# managed by\nCertbot for all.\n" + SITE),
    ],
)  # fmt: skip
def test_configuration_without_a_telling_name_is_still_configuration(name: str, text: str) -> None:
    assert classify(name, text) is DocumentKind.NGINX


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gunicorn.txt", UNIT),
        ("shop", "# Copy me to /etc/systemd/system.\n" + UNIT),
        ("shop", UNIT + "ExecStartPre=/bin/true \\\n  And more words here\nUser=shop\n"),
        ("shop.service", "Copy this to the server:\n" + UNIT),
    ],
)
def test_a_unit_without_a_telling_name_is_still_a_unit(name: str, text: str) -> None:
    assert classify(name, text) is DocumentKind.UNIT
