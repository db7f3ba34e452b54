"""Reports built by hand, one for each shape a report can have."""

from __future__ import annotations

from dataclasses import replace

from doctor.engine.rule import Confidence, Safety, Severity
from doctor.hosts.base import TargetKind
from doctor.hosts.reasons import cause_of
from doctor.reports.model import (
    SCHEMA,
    AppReport,
    BugReport,
    EvidenceReport,
    FindingReport,
    FixReport,
    HopReport,
    HopState,
    ProbeReport,
    Report,
    SourceReport,
    SubjectReport,
    Summary,
    Target,
    UnknownReport,
    Verdict,
)

OK, BROKEN, RISK, DARK = HopState.OK, HopState.BROKEN, HopState.AT_RISK, HopState.UNKNOWN
LIVE = Target(TargetKind.LIVE, "web-1", "2026-11-22T10:02:44Z")
TREE = Target(TargetKind.TREE, "deploy", "2026-11-22T10:02:44Z")


def _path(*, upstream: HopState = OK, workers: HopState = OK, release: HopState = OK) -> tuple[HopReport, ...]:
    wrong = upstream is BROKEN
    return (
        HopReport("server", "shop.test:80", OK, "/etc/nginx/sites-enabled/shop:5"),
        HopReport("location", "/", OK, "/etc/nginx/sites-enabled/shop:9"),
        HopReport(
            "upstream",
            "unix:/run/gunicorn/shop.sock" if wrong else "unix:/run/shop/gunicorn.sock",
            upstream,
            "nobody listens here" if wrong else "shop.service listens",
            "SOC001" if wrong else None,
        ),
        HopReport("socket", "/run/shop/gunicorn.sock", OK, "listening, nobody asks" if wrong else "listening"),
        HopReport("unit", "shop.service", OK, "active (running)"),
        HopReport("master", "27.0.1, master 122", OK, ""),
        HopReport("workers", "3 sync workers, up 4 min", workers, "", "GUN003" if workers is RISK else None),
        HopReport("directory", "/srv/shop/current", OK, ""),
        HopReport("environment", "/etc/shop/env", OK, "7 variables"),
        HopReport("release", "/srv/shop/releases/2026-11-01", release, "in use; current points here"),
        HopReport("code", "shop.wsgi:app", OK, "/srv/shop/releases/2026-11-01/shop/wsgi.py"),
    )


def _app(name: str = "shop", **states: HopState) -> AppReport:
    worst = {BROKEN: Severity.ERROR, RISK: Severity.WARNING}
    gravest = next((worst[state] for state in (BROKEN, RISK) if state in states.values()), None)
    return AppReport(name, f"{name}.service", _path(**states), f"http://{name}.test", worst=gravest)


MISMATCH = FindingReport(
    rule="SOC001",
    name="upstream-bind-mismatch",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    symptoms=("502",),
    subject=SubjectReport("app", "shop"),
    hop="upstream",
    title="Nginx sends requests where Gunicorn does not listen",
    message=(
        "Nginx sends shop.test/ to unix:/run/gunicorn/shop.sock, but Gunicorn (shop.service, pid 122) listens on "
        "unix:/run/shop/gunicorn.sock."
    ),
    why="Every request ends in 502, because nobody accepts the connection.\n",
    evidence=(
        EvidenceReport(
            "app.routes.peer.address",
            "unix:/run/gunicorn/shop.sock",
            "explicit",
            path="/etc/nginx/sites-available/shop",
            line=2,
            text="\tserver unix:/run/gunicorn/shop.sock fail_timeout=0;",
        ),
        EvidenceReport(
            "app.binds",
            "unix:/run/shop/gunicorn.sock",
            "explicit",
            path="/etc/systemd/system/shop.service",
            line=13,
            text="--bind unix:/run/shop/gunicorn.sock",
        ),
        EvidenceReport(
            "app.nginx_log.missing",
            "14",
            "observed",
            path="/var/log/nginx/error.log",
            text=(
                "14 × connect() to unix:/run/gunicorn/shop.sock failed (2: No such file or directory) while connecting "
                "to upstream, last 10:02:41"
            ),
        ),
        EvidenceReport("app.gunicorn.settings.backlog", "2048", "default", note="default of gunicorn 27.0.1"),
        EvidenceReport(
            "app.unit.main_pid", "122", "observed", command="systemctl show shop.service", text="MainPID=122"
        ),
    ),
    explains=("gunicorn-not-running", "no-live-upstreams"),
    explained_by=(),
    fingerprint="5f0c",
    fixes=(
        FixReport(
            "Send requests to the socket that Gunicorn binds",
            Safety.UNSAFE,
            ("nginx -t && systemctl reload nginx",),
            (
                "--- /etc/nginx/sites-available/shop\n+++ /etc/nginx/sites-available/shop\n@@ -1,3 +1,3 @@\n"
                " upstream shop {\n-\tserver unix:/run/gunicorn/shop.sock fail_timeout=0;\n"
                "+\tserver unix:/run/shop/gunicorn.sock fail_timeout=0;\n }\n"
            ),
        ),
        FixReport(
            "Or bind Gunicorn where nginx looks",
            Safety.MANUAL,
            (
                "systemctl edit shop.service --stdin <<< $'[Service]\\nExecStart=\\nExecStart=/srv/shop/venv/bin/"
                "gunicorn --bind unix:/run/gunicorn/shop.sock shop.wsgi:app'",
            ),
        ),
    ),
    sources=(SourceReport("ngx_http_upstream_module", "https://nginx.org/en/docs/http/ngx_http_upstream_module.html"),),
    app="shop",
)

FOLLOWS = replace(
    MISMATCH,
    rule="NGX008",
    name="no-live-upstreams",
    hop="upstream",
    title="All servers of the upstream are marked as failed",
    message="Nginx has marked every server of upstream shop as failed.",
    explains=(),
    explained_by=("upstream-bind-mismatch",),
    fingerprint="5f0d",
    fixes=(),
)
FOLLOWS_FURTHER = replace(
    FOLLOWS, rule="SYS001", name="gunicorn-not-running", explained_by=("no-live-upstreams",), fingerprint="5f0e"
)

SINGLE = replace(
    MISMATCH,
    rule="GUN003",
    name="single-worker",
    severity=Severity.WARNING,
    symptoms=("502", "downtime"),
    hop="workers",
    title="Gunicorn runs one worker",
    message="shop runs 1 sync worker: while it restarts or is busy, nobody answers.",
    evidence=(
        EvidenceReport("app.gunicorn.settings.workers", "1", "default", note="default of gunicorn 27.0.1", text=None),
    ),
    explains=(),
    fingerprint="60aa",
    fixes=(FixReport("Run at least two workers", Safety.MANUAL, ("systemctl edit shop.service",)),),
)

NOTE = replace(
    SINGLE,
    rule="REL013",
    name="no-release-marker",
    severity=Severity.INFO,
    symptoms=("verification",),
    hop="release",
    title="Nothing tells which release answers",
    message="Nothing in shop tells from outside which release answers.",
    fingerprint="60ab",
    fixes=(),
)

UNPARSABLE = replace(
    MISMATCH,
    rule="HST005",
    name="config-unparsable",
    symptoms=("startup",),
    subject=SubjectReport("host", "web-1"),
    hop="server",
    title="A configuration file cannot be read",
    message="/etc/nginx/conf.d/old.conf could not be parsed: unexpected end of file.",
    evidence=(
        EvidenceReport(
            "host.unreadable", None, None, path="/etc/nginx/conf.d/old.conf", line=31, text="location ~ ^/[a-z]+$ {"
        ),
    ),
    explains=(),
    fingerprint="77aa",
    fixes=(),
    app=None,
)

HIDDEN = tuple(
    UnknownReport("ENV001", "env-changed-not-restarted", SubjectReport("app", "shop"), reason, cause_of(reason), "shop")
    for reason in (
        "permission denied reading /proc/122/environ (run with sudo)",
        "permission denied reading /proc/122/environ (run with sudo)",
        "journalctl timed out after 5 s",
    )
)


def _report(**parts: object) -> Report:
    base = Report(SCHEMA, "0.1.0", LIVE, Verdict.FAULTS, Summary())
    return replace(base, **parts)  # type: ignore[arg-type]


FAULT = _report(
    summary=Summary(error=3, passed=97, unknown=3, not_applicable=20),
    apps=(_app(upstream=BROKEN),),
    findings=(MISMATCH, FOLLOWS, FOLLOWS_FURTHER),
    unknown=HIDDEN,
    probes=(
        ProbeReport("shop", "nginx", "http://shop.test/ at 127.0.0.1:80", 502, "Bad Gateway"),
        ProbeReport("shop", "gunicorn", "unix:/run/shop/gunicorn.sock", 200, "OK"),
    ),
)
SEVERAL = _report(
    summary=Summary(error=1, warning=1, info=1, passed=210),
    apps=(_app("api"), _app("blog"), _app(workers=RISK)),
    findings=(UNPARSABLE, SINGLE, NOTE),
)
HEALTHY = _report(verdict=Verdict.HEALTHY, summary=Summary(passed=104), apps=(_app(),))
INCOMPLETE = _report(
    verdict=Verdict.INCOMPLETE, summary=Summary(passed=92, unknown=3), apps=(_app(), _app("blog")), unknown=HIDDEN
)
INFO = _report(
    verdict=Verdict.HEALTHY, summary=Summary(info=1, passed=103), apps=(_app(), _app("blog")), findings=(NOTE,)
)
BUG = _report(
    verdict=Verdict.INCOMPLETE,
    summary=Summary(passed=103),
    apps=(_app(),),
    bugs=(
        BugReport("GUN003", "single-worker", SubjectReport("app", "shop"), "KeyError at doctor.engine.judge:12: 'x'"),
    ),
)
NOTHING = _report(verdict=Verdict.INCOMPLETE, summary=Summary(not_applicable=134))
STATIC = _report(
    target=TREE,
    summary=Summary(error=1, passed=60),
    apps=(
        AppReport(
            "shop",
            "shop.service",
            (
                HopReport("server", "shop.test:443", OK, "nginx/shop.conf:5"),
                HopReport(
                    "upstream", "unix:/run/gunicorn/shop.sock", BROKEN, "shop.service binds another address", "SOC001"
                ),
                HopReport("unit", "shop.service", OK, "systemd/shop.service"),
            ),
            "https://shop.test",
        ),
    ),
    findings=(replace(MISMATCH, fixes=(), explains=()),),
)
HOSTILE = _report(
    summary=Summary(warning=1, passed=1),
    apps=(replace(_app(workers=RISK), name="sh\x1b[31mop", unit=None, url=None),),
    findings=(
        replace(
            SINGLE,
            app="sh\x1b[31mop",
            message="request \x1b]0;owned\x07 /\u202egnp.exe [/bold] :warning:\r\nsecond\x9b2J line \udc80",
            evidence=(
                EvidenceReport(
                    "log.text", "x", "observed", path="/var/log/\x07x.log", text="GET /[red]\x1b[2J\x00 :smile:"
                ),
            ),
            fixes=(FixReport("Look\x08", Safety.MANUAL, ("echo \x1b[0m '[bold]'",)),),
        ),
    ),
)

SAMPLES = {
    "fault": FAULT,
    "several": SEVERAL,
    "healthy": HEALTHY,
    "incomplete": INCOMPLETE,
    "info": INFO,
    "bug": BUG,
    "nothing": NOTHING,
    "static": STATIC,
    "hostile": HOSTILE,
}
