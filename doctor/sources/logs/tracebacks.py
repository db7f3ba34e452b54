"""Python tracebacks in a log: which of them stopped the app from booting, and what they say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from doctor.frozen import frozen

_HEADER = "Traceback (most recent call last):"
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_FOREIGN = ("/site-packages/", "/dist-packages/", "/lib/python", "/lib64/python", "<")

_BOOT_HEADING = "Exception in worker process"
"""gunicorn/arbiter.py, spawn_worker: whatever ends a worker before it serves."""

_BOOT_FUNCTIONS = frozenset({"load_wsgi", "load_wsgiapp", "import_app", "load_config_from_module_name_or_filename"})
"""Functions of Gunicorn that are on the stack only while an app or a configuration file is loaded."""


@frozen
class Frame:
    """One line of a stack; `function` "" for a syntax error. `text` is the source, "" where it was not printed."""

    path: str
    line: int
    function: str
    text: str = ""

    @property
    def own(self) -> bool:
        """Code of the app: not of a package, the standard library or a frozen module."""
        return not self.path.startswith("<") and not any(part in self.path for part in _FOREIGN)


@frozen
class Traceback:
    """One traceback, with the exceptions it was chained to. `index`: of the line where it ends.

    `exception` is the last line ("KeyError: 'X'"). `frames` are those of the last exception, outermost first;
    `earlier` the exceptions before it in the chain. `heading` is the line above the whole.
    """

    heading: str
    exception: str
    frames: tuple[Frame, ...]
    all_frames: tuple[Frame, ...]
    earlier: tuple[Traceback, ...]
    index: int

    @property
    def boot(self) -> bool:
        """It was raised while Gunicorn loaded the app or its configuration."""
        return self.heading == _BOOT_HEADING or any(frame.function in _BOOT_FUNCTIONS for frame in self.all_frames)

    @property
    def place(self) -> Frame | None:
        """The innermost frame of the app's own code."""
        return next((frame for frame in reversed(self.frames) if frame.own), None) or next(
            (frame for frame in reversed(self.all_frames) if frame.own), None
        )

    @property
    def missing_module(self) -> str:
        """The module that was not found, "" for another fault."""
        match = _patterns().module.match(self.exception)
        return match["name"] if match else ""

    @property
    def missing_variable(self) -> str:
        """The environment variable the app asked for, "" for another fault.

        Read with os.environ[...], or named by a message of its own, of environs or of python-decouple.
        """
        named = _patterns().named.search(self.exception)
        if named:
            return next(group for group in named.groups() if group)
        for part in (self, *reversed(self.earlier)):
            match = _patterns().key.match(part.exception)
            last = part.frames[-1] if part.frames else None
            if (
                match
                and last
                and last.function == "__getitem__"
                and (last.path.endswith("/os.py") or last.path == "<frozen os>")
            ):
                return match["name"]
        return ""


@frozen
class _Patterns:
    frame: re.Pattern[str]
    exception: re.Pattern[str]
    module: re.Pattern[str]
    key: re.Pattern[str]
    named: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    return _Patterns(
        frame=re.compile(r'^\s+File "(?P<path>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$'),
        exception=re.compile(r"^[A-Za-z_][\w.]*(?:: .*)?$"),
        module=re.compile(r"^ModuleNotFoundError: No module named '(?P<name>[\w.]+)'"),
        key=re.compile(r"^KeyError: '(?P<name>[A-Za-z_]\w*)'$"),
        named=re.compile(
            r"""^\w[\w.]*: .*?(?:\b(?i:env(?:ironment)?[ -]var(?:iable)?s?)[ :"'`]*([A-Z][A-Z0-9_]{2,})\b"""
            r"""|\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b["'`]*"""
            r""" (?i:(?:environment variable )?(?:is |was |has )?(?:not (?:been )?(?:set|found|defined)"""
            r"""|missing|required|undefined|unset|must be set)))"""
        ),
    )


def tracebacks(lines: Sequence[str]) -> tuple[Traceback, ...]:
    """Every traceback in lines of one process, in order. One that is cut off has no exception and is left out."""
    found: list[Traceback] = []
    chain: list[Traceback] = []
    index = 0
    while index < len(lines):
        if not lines[index].rstrip().endswith(_HEADER):
            index += 1
            continue
        one, end = _one(lines, index + 1, lines[index - 1].strip() if index else "")
        if one is None:
            index = max(end, index + 1)
            continue
        following = _next_filled(lines, end)
        if following < len(lines) and lines[following].strip() in _CHAINED:
            chain.append(one)
            index = following + 1
            continue
        found.append(_chained(chain, one))
        chain = []
        index = end
    return tuple(found)


def _sentence(text: str) -> str:
    """The first line of a message that goes on below: "failed for 'config.Prod'. Possible reasons are:"."""
    whole, stop, _ = text.rpartition(". ")
    return whole + stop.rstrip() if text.endswith(":") and stop else text


def _chained(chain: list[Traceback], last: Traceback) -> Traceback:
    if not chain:
        return last
    frames = tuple(frame for part in (*chain, last) for frame in part.frames)
    return Traceback(chain[0].heading, last.exception, last.frames, frames, tuple(chain), last.index)


def _next_filled(lines: Sequence[str], index: int) -> int:
    while index < len(lines) and not lines[index].strip():
        index += 1
    return index


def _one(lines: Sequence[str], index: int, heading: str) -> tuple[Traceback | None, int]:
    """The traceback whose first frame is at `index`, and the index of the line after it."""
    patterns = _patterns()
    frames: list[Frame] = []
    while index < len(lines):
        line = lines[index]
        if line[:1].isspace() or not line:
            match = patterns.frame.match(line)
            if match:
                source = lines[index + 1] if index + 1 < len(lines) else ""
                text = source.strip() if source.startswith("    ") else ""
                frames.append(Frame(match["path"], int(match["line"]), match["function"] or "", text))
            index += 1
            continue
        if patterns.exception.match(line):
            held = tuple(frames)
            return Traceback(heading, _sentence(line.strip()), held, held, (), index), index + 1
        return None, index
    return None, index
