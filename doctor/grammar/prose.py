"""Notes that hold a piece of configuration among sentences: documentation, which no program reads."""

from __future__ import annotations

import re

_SENTENCE = re.compile(
    r"[ \t]*(?:(?:\d+[.)]|[-*•>])[ \t]+\w.*|={3,}|-{3,}|`{3}.*|[A-Z][\w'’]*[ \t,].*"
    r"|[a-z]\w*(?:[ \t]+[\w'’,()/-]+)+[.:!?])[ \t]*"
)
"""A numbered or listed item, an underline, a fence, a line that begins with a capital or ends as a sentence does."""


def around_blocks(text: str) -> bool:
    """Sentences stand where nginx would read directives: outside of all braces and comments."""
    depth = 0
    for line in text.splitlines():
        code = line.partition("#")[0]
        if depth == 0 and not set(code) & set("{};'\"$") and _SENTENCE.fullmatch(code):
            return True
        depth = max(depth + code.count("{") - code.count("}"), 0)
    return False


def among_settings(text: str) -> bool:
    """Sentences stand where systemd would read settings or sections."""
    continued = False
    for line in text.splitlines():
        bare = line.strip()
        if not continued and "=" not in bare and not bare.startswith(("#", ";", "[")) and _SENTENCE.fullmatch(line):
            return True
        continued = bare.endswith("\\")
    return False
