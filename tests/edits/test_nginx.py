from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doctor.edits.nginx import CannotEdit, remove_directive, replace_line, set_directive

Edited = Callable[..., str]


def refused(edit: Edited, *arguments: Any) -> str:
    with pytest.raises(CannotEdit) as error:
        edit(*arguments)
    return error.value.reason


# --- setting a directive that is there ---------------------------------------------------------------------------

SET = {
    "plain": ("root /a;\n", 1, "root", "/b", "root /b;\n"),
    "no newline at the end": ("root /a;", 1, "root", "/b", "root /b;"),
    "CRLF": ("a;\r\n  root /a; # c\r\n", 2, "root", "/b", "a;\r\n  root /b; # c\r\n"),
    "tabs and blanks": ("\troot \t /a  ;  \n", 1, "root", "/b", "\troot \t /b  ;  \n"),
    "comment behind": ("root /a;# root /c;\n", 1, "root", "/b", "root /b;# root /c;\n"),
    "comment that looks like it": ("# root /x;\nroot /a;\n", 2, "root", "/b", "# root /x;\nroot /b;\n"),
    "second on the line": ("index a; root /a; allow all;\n", 1, "root", "/b", "index a; root /b; allow all;\n"),
    "behind a brace": ("location / {root /a;}\n", 1, "root", "/b", "location / {root /b;}\n"),
    "over lines": ("gzip_types a/b\n  c/d\n  e/f;\n", 1, "gzip_types", "x/y", "gzip_types x/y;\n"),
    "arguments below": ("root\n\n  /a\n;\n", 1, "root", "/b", "root\n\n  /b\n;\n"),
    "comments around": ("root # 1\n /a # 2\n ;\n", 1, "root", "/b", "root # 1\n /b # 2\n ;\n"),
    "quotes with everything": (
        "add_header X \"a; } # { \\\" 'b\"; root '/a;b\\'{c';\n",
        1, "root", "/b",
        "add_header X \"a; } # { \\\" 'b\"; root /b;\n",
    ),
    "quoted newline counts": ("a 'a\n  b'; \nroot /a;\n", 3, "root", "/b", "a 'a\n  b'; \nroot /b;\n"),
    "escaped semicolon": ("root /a\\;b\\ c;\n", 1, "root", "/b", "root /b;\n"),
    "glued to a quoted name": ('"root")a;', 1, "root", "/b", '"root" /b;'),
    "braces of a variable": ("set $a ${b}c; root /$a${b};\n", 1, "root", "/b", "set $a ${b}c; root /b;\n"),
    "sharp and brace in a word": ("set $a b#c}d; root /a;\n", 1, "root", "/b", "set $a b#c}d; root /b;\n"),
    "no UTF-8": ("# \udcff\nroot /\udce4; # \udcfc\n", 2, "root", "/\udcf6", "# \udcff\nroot /\udcf6; # \udcfc\n"),
    "odd blanks end no line": ("# a\x0b\x85\u2028c\nroot /a;\n", 2, "root", "/b", "# a\x0b\x85\u2028c\nroot /b;\n"),
    "a quote in the value": ("root /a;\n", 1, "root", '"/b c"', 'root "/b c";\n'),
    "several words": ("proxy_buffers 4 8k;\n", 1, "proxy_buffers", "8 16k", "proxy_buffers 8 16k;\n"),
    "no argument yet": ("keepalive_disable;\n", 1, "keepalive_disable", "msie6", "keepalive_disable msie6;\n"),
    "no argument any more": ("ip_hash  x ;\n", 1, "ip_hash", "", "ip_hash ;\n"),
    "quoted name": ('"root" /a;\n', 1, "root", "/b", '"root" /b;\n'),
    "regex with a quote and a bracket": (
        'if ($a ~ "x{2};") { root /a; }\n', 1, "root", "/b", 'if ($a ~ "x{2};") { root /b; }\n',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SET)
def test_sets_the_directive_that_begins_there(case: str) -> None:
    text, line, name, value, wanted = SET[case]
    assert set_directive(text, line, name, value) == wanted
    assert set_directive(wanted, line, name, value) == wanted


@pytest.mark.parametrize("written", ['"5m"', "5m", "'5m'", "\n 5m # five\n", '"5m" # a\n'])
def test_what_nginx_reads_the_same_stays(written: str) -> None:
    text = f"client_max_body_size {written};\n"
    assert set_directive(text, 1, "client_max_body_size", "5m") == text


# --- setting one in a block ----------------------------------------------------------------------------------------

ADDED = {
    "as the others": ("s {\n  l / {\n     a;\n  }\n}\n", 2, "s {\n  l / {\n     new v;\n     a;\n  }\n}\n"),
    "tabs as the others": ("location / {\n\ta;\n}\n", 1, "location / {\n\tnew v;\n\ta;\n}\n"),
    "behind the comment": ("location / { # { main\n  a;\n}\n", 1, "location / { # { main\n  new v;\n  a;\n}\n"),
    "before the blank line": ("location / {\n\n  # c\n  a;\n}\n", 1, "location / {\n  new v;\n\n  # c\n  a;\n}\n"),
    "empty": ("  location / {\n  }\n", 1, "  location / {\n      new v;\n  }\n"),
    "empty, only a comment": ("location / {\n\t# c\n}\n", 1, "location / {\n    new v;\n\t# c\n}\n"),
    "empty in a tab": ("\tlocation / {\n\t}\n", 1, "\tlocation / {\n\t    new v;\n\t}\n"),
    "CRLF": ("location / {\r\n  a;\r\n}", 1, "location / {\r\n  new v;\r\n  a;\r\n}"),
    "CRLF behind a comment": ("location / { # c\r\n}", 1, "location / { # c\r\n    new v;\r\n}"),
    "one line": ("location / { a; }", 1, "location / { new v; a; }"),
    "one tight line": ("location / {a;}", 1, "location / { new v; a;}"),
    "one empty line": ("location / {}", 1, "location / { new v; }"),
    "one blank line": ("location / { }", 1, "location / { new v; }"),
    "two lines": ("location / { a;\n b; }", 1, "location / { new v; a;\n b; }"),
    "brace below": ("location / # c\n{\n  a;\n}", 1, "location / # c\n{\n  new v;\n  a;\n}"),
    "only inner blocks have it": ("s {\n  l { new x; }\n}", 1, "s {\n  new v;\n  l { new x; }\n}"),
    "after a Lua block": (
        'content_by_lua_block { x = "}" }\nl {\n}', 2, 'content_by_lua_block { x = "}" }\nl {\n    new v;\n}',
    ),
    "an if": ('if ($a ~ "^(a|b){2}$") {\n  b;\n}', 1, 'if ($a ~ "^(a|b){2}$") {\n  new v;\n  b;\n}'),
    "bytes": ("l { # \udcff\n \ta \udcfe;\n}", 1, "l { # \udcff\n \tnew v;\n \ta \udcfe;\n}"),
}  # fmt: skip


@pytest.mark.parametrize("case", ADDED)
def test_adds_as_the_first_line_of_the_block(case: str) -> None:
    text, line, wanted = ADDED[case]
    assert set_directive(text, line, "new", "v") == wanted
    assert set_directive(wanted, line, "new", "v") == wanted
    assert set_directive(wanted, line, "new", "w") == wanted.replace("new v", "new w")


def test_replaces_the_one_the_block_holds_directly() -> None:
    text = "location / {\n  location /a { root /x; }\n  root   /a; # c\n}\n"
    assert set_directive(text, 1, "root", "/b") == text.replace("/a; # c", "/b; # c")


def test_adds_a_directive_without_arguments() -> None:
    assert set_directive("upstream a {\n}\n", 1, "ip_hash", "") == "upstream a {\n    ip_hash;\n}\n"


CANNOT_SET = {
    "held twice": ("l {\n root /a;\n root /b;\n}", 1, "/v", "the l of line 1 holds root more than once"),
    "twice on the line": ("root /a; root /b;", 1, "/v", "several root directives begin in line 1"),
    "two blocks": ("l { x { a; } }", 1, "/v", "several blocks, but no root directive, begin in line 1"),
    "nothing": ("a;\n\nb;", 2, "/v", "neither root nor a block begins in line 2"),
    "another directive": ("a;", 1, "/v", "neither root nor a block begins in line 1"),
    "a later line": ("gzip_types a\n root b;", 2, "/v", "neither root nor a block begins in line 2"),
    "no such line": ("root /a;\n", 7, "/v", "neither root nor a block begins in line 7"),
    "line 0": ("root /a;\n", 0, "/v", "neither root nor a block begins in line 0"),
    "a comment": ("# root /a;\n", 1, "/v", "neither root nor a block begins in line 1"),
    "in quotes": ("a '\nroot /a;\n';", 2, "/v", "neither root nor a block begins in line 2"),
    "a map": ("map $a $b {\n  a b;\n}", 1, "/v", "the map of line 1 holds no directives"),
    "an entry of a map": ("map $a $b {\n  root b;\n}", 2, "/v", "neither root nor a block begins in line 2"),
    "a Lua block": ("content_by_lua_block {\n}", 1, "/v", "the content_by_lua_block of line 1 holds no directives"),
    "Lua code": ("content_by_lua_block {\n root = 1; \n}", 2, "/v", "neither root nor a block begins in line 2"),
    "a block of that name": ("root x {\n}", 1, "/v", "the root of line 1 opens a block"),
    "comment between": ("root a # c\n b;", 1, "/v", "a comment stands between the arguments of the root of line 1"),
    "comment to take out": ("root # c\n b;", 1, "", "a comment stands between the arguments of the root of line 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", CANNOT_SET)
def test_says_why_it_cannot_set(case: str) -> None:
    text, line, value, reason = CANNOT_SET[case]
    assert refused(set_directive, text, line, "root", value) == reason


END = "unexpected end of file, expecting"
OPEN = "a quote that is opened is not closed, or a backslash ends the file"
BROKEN = {
    "brace missing": ("root /a;\nl {\n", f'line 2: {END} "}}"'),
    "brace too many": ("root /a;\n}", 'line 2: unexpected "}"'),
    "end missing": ("root /a\n", f'line 1: {END} ";" or "}}"'),
    "nothing before the end": ("root /a;\n;", 'line 2: unexpected ";"'),
    "nothing before the block": ("root /a;\n{ }", 'line 2: unexpected "{"'),
    "open quote": ('root "/a;\n', f"line 1: {OPEN}"),
    "glued to a quote": ('root "/a"b;\n', 'line 1: unexpected "b" after a quote'),
    "ends with a quote": ('root /a;\nb "c"', 'line 2: unexpected "" after a quote'),
    "backslash at the end": ("root /a;\\", f"line 1: {OPEN}"),
    "Lua without end": ("root /a; a_by_lua_block { x = '}'", f'line 1: {END} the "}}" of the Lua code'),
    "Lua quote": ("root /a; a_by_lua_block { '}", "line 1: a quote that is opened in the Lua code is not closed"),
    "Lua bracket": ("root /a; a_by_lua_block { [==[ }]=] }", 'line 1: the Lua code misses its "]==]"'),
}


@pytest.mark.parametrize("case", BROKEN)
def test_edits_no_file_that_nginx_cannot_read(case: str) -> None:
    text, reason = BROKEN[case]
    assert refused(set_directive, text, 1, "root", "/b") == f"nginx cannot read the file: {reason}"
    assert refused(remove_directive, text, 1, "root") == f"nginx cannot read the file: {reason}"


@pytest.mark.parametrize(
    "value",
    ["/b; evil", "/b }", "{", "${a}", "a # b", "a#b", "a\nb", "a\r", "a\0", "\x7f", '"a', "a'", "a\"b\"", '"a"b', "a\\",
     "key=\"a b\"", '"a;b"', "a\x0bb"],
)  # fmt: skip
def test_refuses_a_value_that_is_not_plainly_arguments(value: str) -> None:
    assert refused(set_directive, "root /a;\n", 1, "root", value)
    assert refused(set_directive, "l {\n}\n", 1, "root", value)


@pytest.mark.parametrize("name", ["", " ", "a b", "a;", "a{", "}", "#a", "a\n", "\0", '"root"', "'", "a\\", " root"])
def test_refuses_what_is_no_name(name: str) -> None:
    assert refused(set_directive, "l {\n}\n", 1, name, "/v")
    assert refused(remove_directive, "l {\n}\n", 1, name)


# --- Lua -----------------------------------------------------------------------------------------------------------

LUA = """\
location / {
    set_by_lua_block $x {
        -- } it's a comment
        --[==[ }}} ]] "
        ]==]
        local a = "}" .. '}\\'}' .. [[ } ]] .. [=[ ]] } ]=]
        local t = { root = { } }
        return a
    }
    root /a;
}
"""


def test_lua_is_one_piece() -> None:
    assert set_directive(LUA, 10, "root", "/b") == LUA.replace("root /a;", "root /b;")
    assert set_directive(LUA, 1, "index", "b") == LUA.replace("    set_by", "    index b;\n    set_by", 1)
    assert refused(set_directive, LUA, 7, "root", "/b")
    wanted = "location / {\n    root /a;\n}\n"
    assert remove_directive(LUA, 2, "set_by_lua_block") == wanted


# --- removing ------------------------------------------------------------------------------------------------------

REMOVED = {
    "its line": ("a;\n  root /a;  \nb;\n", 2, "a;\nb;\n"),
    "CRLF": ("a;\r\n\troot /a;\r\nb;\r\n", 2, "a;\r\nb;\r\n"),
    "last without newline": ("a;\n  root /a;", 2, "a;\n"),
    "all there is": ("root /a;", 1, ""),
    "blank lines around stay": ("a;\n\nroot /a;\n\nb;", 3, "a;\n\n\nb;"),
    "comment behind stays": ("  root /a;  # why\n", 1, "  # why\n"),
    "comment above stays": ("# root is:\nroot /a;\n", 2, "# root is:\n"),
    "first on the line": ("  root /a; b;\n", 1, "  b;\n"),
    "in the middle": ("l { a; root /a; b; }\n", 1, "l { a; b; }\n"),
    "alone in a line's block": ("l { root /a; }\n", 1, "l { }\n"),
    "tight": ("l {root /a;}\n", 1, "l {}\n"),
    "last of the line": ("a; root /a;\nb;\n", 1, "a;\nb;\n"),
    "behind a brace": ("l { root /a;\n  b;\n}\n", 1, "l {\n  b;\n}\n"),
    "over lines": ("a;\nroot\n  /a\n  ; \nb;\n", 2, "a;\nb;\n"),
    "over lines, the last shared": ("  root\n  /a; b;\n", 1, "  b;\n"),
    "a block": ("a;\nroot x { # c\n  b { c; }\n}\nd;\n", 2, "a;\nd;\n"),
    "a block in a line": ("a; root x { b; } d;\n", 1, "a; d;\n"),
    "a block in a block": ("l {\n  root x {\n    root /y;\n  }\n}\n", 2, "l {\n}\n"),
    "quotes": ("root '; # }\n'; b '; # ';\n", 1, "b '; # ';\n"),
}


@pytest.mark.parametrize("case", REMOVED)
def test_takes_out_exactly_the_directive(case: str) -> None:
    text, line, wanted = REMOVED[case]
    assert remove_directive(text, line, "root") == wanted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a;", "no root directives begin in line 1"),
        ("root /a; root /b;", "several root directives begin in line 1"),
        ("root x { root /b; }", "several root directives begin in line 1"),
        ("root # c\n /a;", "a comment stands within the root of line 1"),
        ("map $a $b { root /a; }", "no root directives begin in line 1"),
        ("root /a; }", 'nginx cannot read the file: line 1: unexpected "}"'),
    ],
)
def test_says_why_it_cannot_remove(text: str, reason: str) -> None:
    assert refused(remove_directive, text, 1, "root") == reason


# --- a whole line --------------------------------------------------------------------------------------------------

LINES = {
    "plain": ("a\n b\nc\n", 2, " b", " x", "a\n x\nc\n"),
    "several": ("a\nb\nc", 2, "b", "x\ny", "a\nx\ny\nc"),
    "several in CRLF": ("a\r\nb\r\nc", 2, "b", "x\ny", "a\r\nx\r\ny\r\nc"),
    "last of CRLF": ("a\r\nb", 2, "b", "x\ny", "a\r\nx\r\ny"),
    "last": ("a\nb", 2, "b", "x\ny", "a\nx\ny"),
    "out": ("a\nb\nc\n", 2, "b", "", "a\nc\n"),
    "out in CRLF": ("a\r\nb\r\nc\r\n", 2, "b", "", "a\r\nc\r\n"),
    "last out": ("a\nb", 2, "b", "", "a\n"),
    "only": ("a", 1, "a", "", ""),
    "an empty line": ("a\n\nb\n", 2, "", "x", "a\nx\nb\n"),
    "line ends of its own": ("a\r\nb\nc\r\n", 2, "b", "x\ny", "a\r\nx\ny\nc\r\n"),
    "no grammar": ("} ; \"\n'", 1, '} ; "', "x", "x\n'"),
    "bytes and odd blanks": ("\x0b\udcff\x85\nb\n", 1, "\x0b\udcff\x85", "x", "x\nb\n"),
    "the same": ("a\nb\n", 2, "b", "b", "a\nb\n"),
}


@pytest.mark.parametrize("case", LINES)
def test_replaces_a_whole_line(case: str) -> None:
    text, line, before, after, wanted = LINES[case]
    assert replace_line(text, line, before, after) == wanted


@pytest.mark.parametrize(
    ("text", "line", "before"),
    [("a\nb\n", 1, "b"), ("a \n", 1, "a"), (" a\n", 1, "a"), ("a\n", 2, ""), ("", 1, ""), ("a\n", 0, "a"),
     ("a\n", -1, "a"),     ("a\r", 1, "a"), ("a\nb\n", 1, "a\nb"), ("a\nb\n", 1, "a\n"), ("x\n", 99, "x")],
)  # fmt: skip
def test_a_line_that_reads_otherwise_stays(text: str, line: int, before: str) -> None:
    assert refused(replace_line, text, line, before, "new").startswith(f"line {line} no longer reads ")


@pytest.mark.parametrize("after", ["a\r\nb", "a\0"])
def test_a_new_line_holds_no_line_ends_of_its_own(after: str) -> None:
    assert refused(replace_line, "a\n", 1, "a", after)


# --- real nginx -----------------------------------------------------------------------------------------------------

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"

SITE = """\
# main; { "
pid RUN/nginx.pid; error_log stderr;
events { worker_connections 64; }
http {
\tlog_format main '$remote_addr "$request"; # {'
\t                '$status }';
\taccess_log off;
\tmap $http_upgrade $mapped { default upgrade; '' close; "~^a{2};$" x; }
\tserver {
\t\tlisten unix:RUN/s.sock; root /srv; # both
\t\tif ($request_uri ~ "^/(a|b){1,2};") { return 404; }
\t\tlocation / { proxy_pass http://unix:RUN/app.sock:/${host}a; }
\t\tlocation
\t\t  /files/ # {
\t\t{
\t\t\talias
\t\t\t\t"/srv/a b;{";
\t\t\tadd_header X "a; b" always;
\t\t}
\t}
}"""


@pytest.fixture(params=["\n", "\r\n"], ids=["LF", "CRLF"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if not Path(NGINX).exists():
        pytest.skip("nginx is not installed")
    return SITE.replace("RUN", str(tmp_path)).replace("\n", request.param)


def accepts(text: str, where: Path) -> None:
    conf = where / "nginx.conf"
    conf.write_bytes(text.encode("utf-8", "surrogateescape"))
    run = subprocess.run([NGINX, "-t", "-c", str(conf)], capture_output=True, text=True, timeout=20, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        (10, "root", "/srv/\udcff"),
        (9, "client_max_body_size", "5m"),
        (11, "return", '404 "no such page"'),
        (12, "proxy_read_timeout", "35s"),
        (13, "alias", "/srv/b/"),
        (16, "alias", "'/srv/b c/'"),
        (13, "add_header", 'X "a \\" b" always'),
        (4, "proxy_buffers", "8 16k"),
        (5, "log_format", "main '$status'"),
        (3, "worker_connections", "128"),
    ],
)
def test_nginx_accepts_what_was_set(site: str, line: int, name: str, value: str, tmp_path: Path) -> None:
    result = set_directive(site, line, name, value)
    assert result != site
    accepts(result, tmp_path)


@pytest.mark.parametrize(
    ("line", "name"), [(10, "root"), (11, "if"), (12, "location"), (13, "location"), (16, "alias"), (18, "add_header")]
)  # fmt: skip
def test_nginx_accepts_what_is_left(site: str, line: int, name: str, tmp_path: Path) -> None:
    accepts(remove_directive(site, line, name), tmp_path)
