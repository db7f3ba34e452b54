"""What nginx demands of its best known directives: how many arguments, where, how often.

Short and exact rather than complete: each entry is one that `nginx -t` refuses in every version when it is broken.
A directive that is not here is never judged, for it may come from a module.
"""

from __future__ import annotations

from functools import cache

_MANY = 99

ARGUMENTS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(
        (
            "root", "alias", "proxy_pass", "uwsgi_pass", "fastcgi_pass", "grpc_pass", "scgi_pass", "include",
            "proxy_read_timeout", "proxy_connect_timeout", "proxy_send_timeout", "proxy_buffer_size", "proxy_buffering",
            "proxy_http_version", "proxy_request_buffering", "proxy_cache", "client_max_body_size",
            "client_body_timeout", "client_header_timeout", "ssl_certificate", "ssl_certificate_key", "pid",
            "worker_processes", "worker_connections", "sendfile", "tcp_nopush", "tcp_nodelay", "default_type",
            "server_tokens", "gzip", "allow", "deny", "worker_rlimit_nofile", "proxy_cache_key",
        ),
        (1, 1),
    ),
    **dict.fromkeys(("proxy_set_header", "set", "proxy_buffers"), (2, 2)),
    **dict.fromkeys(("keepalive_timeout", "user", "expires", "return"), (1, 2)),
    **dict.fromkeys(("location",), (1, 2)),
    **dict.fromkeys(("http", "events", "internal", "ip_hash", "server"), (0, 0)),
    **dict.fromkeys(("listen", "server_name", "access_log", "error_log", "index"), (1, _MANY)),
    "add_header": (2, 3),
    "rewrite": (2, 3),
    "error_page": (2, _MANY),
    "try_files": (2, _MANY),
    "gzip_types": (1, _MANY),
    "ssl_protocols": (1, _MANY),
    "upstream": (1, 1),
}  # fmt: skip
"""Least and most arguments; `server` as a block."""

BLOCKS = frozenset(
    {"http", "events", "location", "upstream", "limit_except", "if", "map", "geo", "types", "split_clients"}
)
"""Always end with a block. `server` is a block, and a simple directive inside an upstream."""

FLAT = frozenset({"map", "geo", "types", "split_clients", "charset_map"})
"""Blocks that hold no blocks."""

SWALLOWING = frozenset({"listen", "access_log", "error_log", "add_header", "ssl_protocols"})
"""Take many arguments, but none of them may be the name of a directive."""

MULTI_LINE = frozenset(
    {"log_format", "map", "geo", "types", "gzip_types", "if", "split_clients", "content_by_lua_block"}
)
"""Often written over several lines, with words that could be names of directives."""

CONTEXTS: dict[str, frozenset[str]] = {
    "server": frozenset({"http", "upstream", "stream", "mail"}),
    "location": frozenset({"server", "location"}),
    "listen": frozenset({"server"}),
    "server_name": frozenset({"server"}),
    "upstream": frozenset({"http", "stream"}),
    "proxy_pass": frozenset({"location", "if", "limit_except"}),
    "proxy_set_header": frozenset({"http", "server", "location"}),
    "alias": frozenset({"location"}),
    "keepalive": frozenset({"upstream"}),
    "limit_except": frozenset({"location"}),
    "try_files": frozenset({"server", "location"}),
    "worker_connections": frozenset({"events"}),
    "events": frozenset({""}),
    "http": frozenset({""}),
}
"""Blocks a directive may stand in, "" for the top of the file."""

ONCE = frozenset(
    {
        "root", "alias", "proxy_pass", "proxy_read_timeout", "proxy_connect_timeout", "proxy_send_timeout",
        "proxy_buffer_size", "proxy_buffering", "proxy_http_version", "proxy_cache",
        "client_max_body_size", "client_body_timeout", "client_header_timeout", "expires", "try_files", "sendfile",
        "tcp_nopush", "tcp_nodelay", "default_type", "server_tokens", "gzip", "keepalive_timeout", "worker_connections",
        "worker_processes", "pid", "user", "http", "events", "proxy_request_buffering",
    }
)  # fmt: skip
"""Refused as a duplicate when the same block has them twice."""

LISTEN_FLAGS = frozenset(
    {
        "default_server", "default", "ssl", "http2", "http3", "spdy", "quic", "proxy_protocol", "deferred", "bind",
        "reuseport", "multipath",
    }
)  # fmt: skip
LISTEN_OPTIONS = (
    "setfib=", "fastopen=", "backlog=", "rcvbuf=", "sndbuf=", "accept_filter=", "ipv6only=", "so_keepalive=",
)  # fmt: skip
LISTEN_SOCKET = frozenset({"deferred", "bind", "reuseport"})
"""With LISTEN_OPTIONS the parameters that belong to the socket: only one `listen` for an address may have any."""

_NEWER = frozenset(
    {
        "http2", "http3", "http3_hq", "http3_stream_buffer_size", "quic_retry", "quic_gso",
        "quic_active_connection_id_limit",
        "quic_bpf", "quic_host_key", "ssl_reject_handshake", "ssl_conf_command", "ssl_ocsp", "ssl_ocsp_cache",
        "ssl_ocsp_responder", "ssl_key_log", "ssl_certificate_cache", "ssl_object_cache_inheritable",
        "proxy_cookie_flags",
        "proxy_ssl_conf_command", "proxy_ssl_key_log", "proxy_ssl_certificate_cache", "proxy_pass_trailers",
        "proxy_limit_rate", "mp4_start_key_frame", "keepalive_time", "keepalive_min_timeout", "early_hints",
        "add_header_inherit", "add_trailer_inherit", "worker_shutdown_timeout", "resolver", "resolver_timeout",
        "auth_delay", "limit_req_dry_run", "limit_conn_dry_run", "gzip_static", "brotli", "brotli_static",
        "brotli_types", "brotli_comp_level", "zstd", "zstd_static", "zstd_types", "more_set_headers",
        "more_clear_headers", "js_import", "js_content", "js_set", "max_headers",
    }
)  # fmt: skip
"""Directives that came after crossplane's table (nginx 1.19), and common ones of modules."""


@cache
def known() -> frozenset[str]:
    """Names of all directives of nginx, NGINX Plus and a few modules."""
    from crossplane.analyzer import DIRECTIVES  # type: ignore[import-untyped]

    return frozenset(DIRECTIVES) | _NEWER


def is_known(name: str) -> bool:
    """The name is one of a directive."""
    return name in known()


def takes_block(name: str) -> bool:
    """A ";" after it is an error for nginx."""
    return name in BLOCKS


def takes_no_block(name: str) -> bool:
    """A "{" after it is an error for nginx."""
    return name in ARGUMENTS and name not in BLOCKS and name != "server"


def refuses(name: str, count: int) -> bool:
    """Nginx does not take so many arguments, one of them the name of a directive, for this directive."""
    return name in SWALLOWING or (name in ARGUMENTS and count > ARGUMENTS[name][1])


def typo_of(name: str) -> str:
    """The core directive that an unknown name is one letter away from, or two swapped; "" when there is none."""
    if is_known(name) or not name.replace("_", "").isalpha():
        return ""
    return next((core for core in ARGUMENTS if len(core) > 3 and _one_edit(name, core)), "")


def _one_edit(a: str, b: str) -> bool:
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return (
        a[start + 1 :] == b[start + 1 :]
        or a[start:] == b[start + 1 :]
        or a[start + 1 :] == b[start:]
        or (a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :])
    )
