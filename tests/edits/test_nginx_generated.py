"""The edits of nginx files on generated texts: against nginx's own state machine, and against crossplane."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import crossplane  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from doctor.edits.nginx import CannotEdit, remove_directive, replace_line, set_directive
from doctor.grammar.nginx import MalformedError, read_directives
from doctor.servers.nginx.parse import Directive, parse


@given(st.lists(st.text(st.characters(blacklist_characters="\r\n")), min_size=1), st.data())
def test_other_lines_stay(lines: list[str], data: st.DataObject) -> None:
    newline = data.draw(st.sampled_from(["\n", "\r\n"]))
    text = "".join(line + newline for line in lines)
    number = data.draw(st.integers(1, len(lines)))
    after = data.draw(st.lists(st.text("ab {;"), min_size=1, max_size=3).filter(any))
    wanted = [*lines[: number - 1], *after, *lines[number:]]
    assert replace_line(text, number, lines[number - 1], "\n".join(after)) == "".join(w + newline for w in wanted)


# --- the tokenizer against nginx's own ------------------------------------------------------------------------------


class Refused(Exception):
    pass


def nginx_tokens(text: str) -> list[tuple[tuple[str, ...], str, int]]:
    """ngx_conf_read_token and ngx_conf_parse of nginx 1.22.1, state by state: words, kind of end, first offset."""
    found: list[tuple[tuple[str, ...], str, int]] = []
    depth = position = 0
    while True:
        words: list[str] = []
        first = -1
        need_space = sharp_comment = variable = quoted = s_quoted = d_quoted = False
        last_space = True
        start = position
        end = ""
        while not end:
            if position >= len(text):
                if words or not last_space or depth:
                    raise Refused
                return found
            ch = text[position]
            position += 1
            if ch == "\n":
                sharp_comment = False
            if sharp_comment:
                continue
            if quoted:
                quoted = False
                continue
            if need_space:
                if ch in " \t\r\n":
                    last_space, need_space = True, False
                    continue
                if ch in ";{":
                    end = ch
                    continue
                if ch != ")":
                    raise Refused
                last_space, need_space = True, False
            if last_space:
                start = position - 1
                if ch in " \t\r\n":
                    continue
                if ch in ";{":
                    if not words:
                        raise Refused
                    end = ch
                elif ch == "}":
                    if words:
                        raise Refused
                    end = ch
                elif ch == "#":
                    sharp_comment = True
                else:
                    first = start if first < 0 else first
                    last_space = False
                    quoted, variable = ch == "\\", ch == "$"
                    d_quoted, s_quoted = ch == '"', ch == "'"
                    start += ch in "\"'"
                continue
            if ch == "{" and variable:
                continue
            variable = ch == "$"
            if ch == "\\":
                quoted = True
                continue
            if variable:
                continue
            complete = False
            if d_quoted or s_quoted:
                if ch == ('"' if d_quoted else "'"):
                    d_quoted = s_quoted = False
                    need_space = complete = True
            elif ch in " \t\r\n;{":
                last_space = complete = True
            if complete:
                words.append(unescaped(text[start : position - 1]))
                end = ch if ch in ";{" else ""
        depth += {"{": 1, "}": -1, ";": 0}[end]
        if depth < 0:
            raise Refused
        if end != "}":
            found.append((tuple(words), end, first))


def unescaped(raw: str) -> str:
    result, position = "", 0
    while position < len(raw):
        if raw[position] == "\\" and position + 1 < len(raw):
            following = raw[position + 1]
            if following in "trn":
                result += {"t": "\t", "r": "\r", "n": "\n"}[following]
                position += 2
                continue
            position += following in "\"'\\"
        result += raw[position]
        position += 1
    return result


PIECES = st.sampled_from(["a ", "b;", "{", "}", "\n", "'", '"', "\\", "$", "#", ";", ")", "${"])
RAW = st.text("ab  \n\t\r;;{}#\"'\\$()\x0b\udcff", max_size=30) | st.lists(PIECES, max_size=20).map("".join)


@settings(max_examples=1500, deadline=None)
@given(RAW)
def test_reads_as_nginx_reads(text: str) -> None:
    try:
        wanted = nginx_tokens(text)
    except Refused:
        with pytest.raises(MalformedError):
            read_directives(text)
        return
    seen = read_directives(text)
    assert [(tuple(word.text for word in d.words), "{" if d.block else ";", d.start) for d in seen] == wanted
    for d in seen:
        assert d.line == text.count("\n", 0, d.start) + 1
        assert text[d.head - 1] == ("{" if d.block else ";")
        assert text[d.stop - 1] == ("}" if d.block else ";")
        assert all(text[a] == "#" and d.start < a < b < d.head for a, b in d.comments)


@settings(max_examples=500, deadline=None)
@given(
    st.text("ab \n\r;{}#\"'\\$()", max_size=25).map(lambda t: f"a x;{t}"),
    st.integers(1, 3),
    st.sampled_from("ab"),
    st.text("ab ;{}#\"'\\$)\n", max_size=6),
)
def test_any_text_is_changed_rightly_or_not_at_all(text: str, line: int, name: str, value: str) -> None:
    with suppress(CannotEdit):
        result = set_directive(text, line, name, value)
        written = nginx_tokens(f"{name} {value};")[0][:2]
        before, after = ([item[:2] for item in nginx_tokens(t)] for t in (text, result))
        assert written in after
        assert any(
            before[:n] == after[:n] and before[n + 1 - more :] == after[n + 1 :] and after[n] == written
            for n in range(len(after))
            for more in [len(after) - len(before)]
        )
        assert set_directive(result, line, name, value) == result


# --- generated configurations, against crossplane -------------------------------------------------------------------


def attempt(edit: Callable[..., str], *arguments: Any) -> tuple[str | None, str]:
    """The new text, or None and the reason."""
    try:
        return edit(*arguments), ""
    except CannotEdit as error:
        return None, error.reason


@dataclass
class Node:
    """A directive that was written, with the spans in the text it was written to."""

    name: str
    line: int = 0
    start: int = 0
    name_stop: int = 0
    arguments: tuple[int, int] = (0, 0)
    head: int = 0
    stop: int = 0
    block: bool = False
    comment_within: bool = False
    inner: list[Node] = field(default_factory=list)


NAMES = st.sampled_from(["root", "proxy_pass", "listen", "add_header", "proxy_read_timeout", "server_name"])
BLOCKS = st.sampled_from(["location", "server", "if", "upstream", "map", "types"])
WORDS = st.sampled_from(
    ["a", "/srv/www", "~*", "$host", "${host}b", "30s", '"a; b"', "'} # {'", '"it\'s \\" {"', "'\\\\'", "a#b", "a\\;b",
     "a\\ b", "/\udcff\udce4", '""', "a'b", '"two\nlines; {"', "http://unix:/run/a.sock:/", "^(a|b)$"]
)  # fmt: skip
COMMENTS = st.sampled_from(["# plain\n", "# root /x; {\n", "#'\"\n", "# \udcfc }\n", "#\n"])
SPACES = st.sampled_from([" ", "\t", "  ", "\n", "\n    ", " \n\t"])


class Writer:
    """Writes a random configuration and remembers where everything stands."""

    def __init__(self, data: st.DataObject) -> None:
        self.draw = data.draw
        self.text = ""
        self.all: list[Node] = []

    def gap(self, *, needed: bool) -> bool:
        """Blanks and perhaps a comment; true for a comment."""
        kind = self.draw(st.integers(0, 9))
        if needed or kind < 7:
            self.text += self.draw(SPACES)
        if kind in (5, 9):
            # Directly behind a word it would be a part of it.
            self.text += (
                ("" if self.text[-1:] in " \t\n{};" else " ")
                + self.draw(COMMENTS)
                + self.draw(st.sampled_from(["", " "]))
            )
            return True
        return False

    def directive(self, depth: int) -> Node:
        node = Node("", block=depth < 3 and self.draw(st.integers(0, 3)) == 0)
        node.name = self.draw(BLOCKS if node.block else NAMES)
        node.start, node.line = len(self.text), self.text.count("\n") + 1
        self.all.append(node)
        self.text += node.name
        node.name_stop = len(self.text)
        count = self.draw(st.integers(0, 3))
        for index in range(count):
            comment = self.gap(needed=True)
            node.comment_within |= comment
            start = len(self.text)
            if index == 0:
                node.arguments = (start, start)
            self.text += self.draw(WORDS)
            node.arguments = (node.arguments[0], len(self.text))
        # "${" would be the begin of a variable.
        node.comment_within |= self.gap(needed=self.text[-1] == "$")
        self.text += "{" if node.block else ";"
        node.head = len(self.text)
        if node.block:
            node.inner = self.many(depth + 1)
            self.text += "}"
        node.stop = len(self.text)
        return node

    def many(self, depth: int) -> list[Node]:
        nodes = []
        self.gap(needed=False)
        for _ in range(self.draw(st.integers(0, 3) if depth else st.integers(1, 4))):
            nodes.append(self.directive(depth))
            self.gap(needed=False)
        return nodes


@st.composite
def configurations(draw: st.DrawFn) -> tuple[str, list[Node]]:
    writer = Writer(draw(st.data()))
    writer.many(0)
    if draw(st.booleans()) or "\n" not in writer.text:
        return writer.text, writer.all
    text = writer.text

    def moved(offset: int) -> int:
        return offset + text.count("\n", 0, offset)

    for node in writer.all:
        node.start, node.name_stop, node.head, node.stop = map(
            moved, (node.start, node.name_stop, node.head, node.stop)
        )
        node.arguments = (moved(node.arguments[0]), moved(node.arguments[1]))
    return text.replace("\n", "\r\n"), writer.all


def payload(text: str) -> list[Any]:
    """What crossplane sees; without lines, which move."""
    with tempfile.NamedTemporaryFile(
        "w", suffix=".conf", encoding="utf-8", errors="surrogateescape", newline=""
    ) as file:
        # Without a newline at its end crossplane loses the last word.
        file.write(text + "\n")
        file.flush()
        seen = crossplane.parse(file.name, single=True, check_ctx=False, check_args=False)
    assert seen["status"] == "ok", seen["errors"]
    return simple(seen["config"][0]["parsed"])


def simple(items: list[dict[str, Any]]) -> list[Any]:
    # A comment between arguments comes from crossplane as a directive "#" whether comments are wanted or not.
    return [
        [item["directive"], item["args"], simple(item["block"]) if "block" in item else None]
        for item in items
        if item["directive"] != "#"
    ]


def in_order(items: list[Any]) -> list[Any]:
    return [found for item in items for found in (item, *in_order(item[2] or []))]


def is_entry(nodes: list[Node], node: Node) -> bool:
    return any(node in other.inner and other.name in ("map", "types") for other in nodes)


GENERATED = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@GENERATED
@given(configurations())
def test_lines_are_those_of_the_facts(configuration: tuple[str, list[Node]]) -> None:
    text, nodes = configuration
    wanted = [(node.name, node.line) for node in nodes]

    def seen(directives: tuple[Directive, ...]) -> list[tuple[str, int]]:
        return [found for d in directives for found in ((d.name, d.line), *seen(d.block or ()))]

    assert [(d.name, d.line) for d in read_directives(text)] == wanted
    assert seen(parse("/etc/nginx/nginx.conf", text).directives) == wanted


@GENERATED
@given(configurations())
def test_facts_see_what_crossplane_sees(configuration: tuple[str, list[Node]]) -> None:
    """But for backslashes, which crossplane leaves as they are, and line ends and bytes that it replaces."""

    def seen(directives: tuple[Directive, ...]) -> list[Any]:
        return [
            found for d in directives for found in ([d.name, list(d.args), d.block is not None], *seen(d.block or ()))
        ]

    text = configuration[0].replace("\r\n", "\n").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    assert seen(parse("/etc/nginx/nginx.conf", text).directives) == [
        [name, [unescaped(word) for word in words], block is not None] for name, words, block in in_order(payload(text))
    ]


@GENERATED
@given(configurations(), st.data())
def test_only_the_arguments_change(configuration: tuple[str, list[Node]], data: st.DataObject) -> None:
    text, nodes = configuration
    candidates = [n for n in nodes if not n.block]
    assume(candidates)
    node = data.draw(st.sampled_from(candidates))
    value = data.draw(st.sampled_from(["new", "8 16k", '"a b" c', "/srv/\udcff/$host", ""]))
    alike = [n for n in nodes if n.line == node.line and n.name == node.name and not is_entry(nodes, n)]
    result, reason = attempt(set_directive, text, node.line, node.name, value)
    if result is None:
        assert len(alike) != 1 or node.comment_within, reason
        return
    if alike != [node]:  # an entry of a map that shares its line
        return
    start, stop = node.arguments if node.arguments[0] else (node.name_stop, node.name_stop)
    new = value if node.arguments[0] else f" {value}"
    if not value:
        start, new = node.name_stop, ""
    assert result == text[:start] + new + text[stop:]
    wanted = payload(text)
    in_order(wanted)[nodes.index(node)][1] = {"8 16k": ["8", "16k"], '"a b" c': ["a b", "c"], "": []}.get(
        value, [value.replace("\udcff", "\ufffd")]
    )
    assert payload(result) == wanted
    again, reason = attempt(set_directive, result, node.line, node.name, value)
    # Where a quote over several lines went, another directive of that name may have come to stand in the same line.
    assert again == result or (reason.startswith("several") and result.count("\n") < text.count("\n"))


@GENERATED
@given(configurations(), st.data())
def test_only_one_line_is_added(configuration: tuple[str, list[Node]], data: st.DataObject) -> None:
    text, nodes = configuration
    candidates = [n for n in nodes if n.block]
    assume(candidates)
    node = data.draw(st.sampled_from(candidates))
    alike = [n for n in nodes if n.line == node.line and n.block]
    result, reason = attempt(set_directive, text, node.line, "added", "x y")
    if result is None:
        assert len(alike) != 1 or node.name in ("map", "types"), reason
        return
    assert alike == [node]
    position = next(n for n in range(node.head, len(result)) if n >= len(text) or text[n] != result[n])
    size = len(result) - len(text)
    starts = [p for p in range(node.head, position + 1) if result[:p] + result[p + size :] == text]
    assert [p for p in starts if result[p : p + size].strip() == "added x y;"]
    wanted = payload(text)
    in_order(wanted)[nodes.index(node)][2].insert(0, ["added", ["x", "y"], None])
    assert payload(result) == wanted
    assert set_directive(result, node.line, "added", "x y") == result
    line = result.count("\n", 0, result.index("added x y;")) + 1
    assert "".join(remove_directive(result, line, "added").split()) == "".join(text.split())


@GENERATED
@given(configurations(), st.data())
def test_only_the_directive_goes(configuration: tuple[str, list[Node]], data: st.DataObject) -> None:
    text, nodes = configuration
    node = data.draw(st.sampled_from(nodes))
    alike = [n for n in nodes if n.line == node.line and n.name == node.name and not is_entry(nodes, n)]
    result, reason = attempt(remove_directive, text, node.line, node.name)
    if result is None:
        assert len(alike) != 1 or (node.comment_within and not node.block), reason
        return
    if alike != [node]:  # an entry of a map that shares its line and name
        return
    size = len(text) - len(result)
    starts = [p for p in range(node.start + 1) if text[:p] + text[p + size :] == result and p + size >= node.stop]
    assert [p for p in starts if text[p : p + size].strip() == text[node.start : node.stop]]
    wanted = payload(text)
    gone = in_order(wanted)[nodes.index(node)]
    remove(wanted, gone)
    assert payload(result) == wanted


def remove(items: list[Any], gone: Any) -> None:
    for index, item in enumerate(items):
        if item is gone:
            del items[index]
            return
        remove(item[2] or [], gone)
