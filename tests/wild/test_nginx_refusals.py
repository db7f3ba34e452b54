"""What `nginx -t` would refuse is said of a repository only where its files alone can tell."""

from __future__ import annotations

import pytest
from wild.trees import Judge, Tree, faults, site, unit

TLS = site().replace("listen 80;", "listen 443 ssl;\n    {here}")
CERTIFIED = "ssl_certificate /etc/ssl/a.pem;\n    ssl_certificate_key /etc/ssl/a.key;"
HTTP = "events {{}}\nhttp {{\n    {outside}\n    {inside}\n}}\n"


def tls(here: str = "") -> str:
    return TLS.replace("{here}", here)


def main(outside: str = "", inside: str = "") -> str:
    return HTTP.format(outside=outside, inside=inside)


QUIET: dict[str, Tree] = {
    "a snippet by a telling name": {"a.conf": tls("include snippets/self-signed.conf;")},
    "a snippet by any name": {"a.conf": tls("include /etc/nginx/common;")},
    "a pattern": {"a.conf": tls("include /etc/nginx/ssl.d/*.conf;")},
    "a snippet of letsencrypt": {"a.conf": main(inside=tls("include /etc/letsencrypt/options-ssl-nginx.conf;"))},
    "an include above": {"nginx.conf": main("include /etc/nginx/certificates.conf;", tls())},
    "a pattern above": {"nginx.conf": main("include /etc/nginx/conf.d/*.conf;", tls())},
    "certificates in http": {"nginx.conf": main(CERTIFIED, tls())},
    "an http block outside": {"a.conf": tls()},
    "the key in an include": {"a.conf": tls("ssl_certificate /a.pem; include snippets/key.conf;")},
    "one of the two in an http block outside": {"a.conf": tls("ssl_certificate_key /a.pem;")},
    "quic beside ssl": {"a.conf": main(inside=tls("listen 443 quic reuseport;" + CERTIFIED))},
    "quic with all of it": {
        "a.conf": main(
            inside=tls("listen 443 quic reuseport default_server;" + CERTIFIED).replace(
                "443 ssl", "443 ssl default_server reuseport"
            )
        )
    },
    "variants of a group": {
        "nginx.conf": main("include sites-enabled/*;"),
        "sites-available/a": "upstream shop { server 127.0.0.1:8000; }\n" + site("http://shop"),
        "sites-available/b": "upstream shop { server 127.0.0.1:8000; }\n" + tls(CERTIFIED),
    },
    "staging and production": {
        f"{where}/{name}": text
        for where in ("staging", "production")
        for name, text in (
            ("nginx.conf", main("include conf.d/*.conf;")),
            ("conf.d/shop.conf", site().replace("listen 80", "listen 80 default_server")),
        )
    },
    "members that are elsewhere": {
        "a.conf": "upstream shop {\n    include /etc/nginx/members/*.conf;\n}\n" + site("http://shop")
    },
    "a server of the stream module": {
        "a.conf": site(),
        "stream.d/db.conf": "server {\n    listen 5432;\n    proxy_pass db;\n    proxy_timeout 1h;\n}\n",
    },
}
REFUSED: dict[str, Tree] = {
    "no certificate at all": {"nginx.conf": main(inside=tls())},
    "quic without a certificate": {"nginx.conf": main(inside=tls().replace("ssl;", "quic;"))},
    "quic twice": {"a.conf": tls(CERTIFIED + "listen 443 quic; listen 443 quic;")},
    "two groups of one name": {"a.conf": "upstream a { server b:1; }\nupstream a { server b:2; }\n" + site()},
    "a proxy_pass in no location": {"a.conf": site() + "server { listen 81; proxy_pass http://127.0.0.1:8000; }"},
}  # fmt: skip


@pytest.mark.parametrize("tree", QUIET.values(), ids=QUIET)
def test_what_may_stand_elsewhere_is_not_missed(tree: Tree, judged: Judge) -> None:
    report = judged({"shop.service": unit(), **tree})
    assert "nginx-config-invalid" not in faults(report)


@pytest.mark.parametrize("tree", REFUSED.values(), ids=REFUSED)
def test_what_no_other_file_can_cure_is_said(tree: Tree, judged: Judge) -> None:
    assert "nginx-config-invalid" in faults(judged({"shop.service": unit(), **tree}))


@pytest.mark.parametrize("tree", [QUIET["an http block outside"], QUIET["a snippet by a telling name"]])
def test_a_certificate_that_is_elsewhere_is_not_a_check_that_passed(tree: Tree, judged: Judge) -> None:
    passed = judged({"shop.service": unit(), "a.conf": tls(CERTIFIED)}).summary.passed
    assert judged({"shop.service": unit(), **tree}).summary.passed == passed - 1


def test_a_comment_broken_into_a_second_line_is_the_reason(judged: Judge) -> None:
    broken = "ssl_certificate /a.pem; # managed by\n    some tool\n    ssl_certificate_key /a.key;"
    report = judged({"shop.service": unit(), "a.conf": tls(broken)})
    finding = next(each for each in report.findings if each.name == "nginx-config-invalid")
    assert 'unknown directive "some"' in finding.message
    assert [(each.path, each.line) for each in finding.evidence if each.path] == [("a.conf", 4)]
