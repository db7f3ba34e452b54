"""The whole configuration: files joined by `include` as nginx joins them.

Includes are taken from the directory of the main file, never from that of the including one
(ngx_conf_full_name with conf_prefix); a pattern is glob(3): sorted, no dot files, no match is no error, while a
file named in full must exist.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase

from doctor.cause import Cause
from doctor.facts.value import Place
from doctor.frozen import frozen
from doctor.grammar.paths import is_pattern, joined
from doctor.hosts.base import Answer, Content, DocumentKind, FileType, Host, Stat, TextKind, Unseen
from doctor.hosts.paths import expand
from doctor.servers.nginx.model import ConfigError
from doctor.servers.nginx.parse import Directive, ParsedFile, parse

NODES = 200_000
"""Directives of a configuration: files that include each other twice over would make them without end."""

_DEPTH = 50
"""Files that include one another in a row."""

_DEBIAN_PROXY_PARAMS = """proxy_set_header Host $host;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
"""
"""What Debian and Ubuntu ship as /etc/nginx/proxy_params; repositories include it without holding it."""

_HARMLESS = (
    "mime.types", "fastcgi", "uwsgi_params", "scgi_params", "ssl", "letsencrypt", "tls", "cert", "modules", "gzip",
    "self-signed", "koi-", "win-utf",
)  # fmt: skip
"""Includes that by their name say nothing about proxying, roots or limits: a repository need not hold them."""


@frozen
class Node:
    """A directive in its place in the whole configuration; an include stays only when its file could not be seen.

    `chain`: the include directives that led here, the outermost first.
    """

    directive: Directive
    chain: tuple[Place, ...]
    block: tuple[Node, ...] | None
    partial: bool = False
    """An include of what by its name, or as a pattern that a repository holds nothing of, concerns certificates, types
    and the like at most: it may hold those, and is taken to say nothing else."""
    cause: Cause = Cause.NOT_FOUND
    """Of an include: why its file could not be seen."""

    @property
    def name(self) -> str:
        """Of the directive."""
        return self.directive.name

    @property
    def args(self) -> tuple[str, ...]:
        """Of the directive."""
        return self.directive.args

    @property
    def place(self) -> Place:
        """Where the directive stands."""
        return self.directive.place


@frozen
class Configuration:
    """Everything that was loaded. `roots`: one tree for the main file, or one for each file of a repository."""

    roots: tuple[tuple[Node, ...], ...]
    errors: tuple[ConfigError, ...]
    files: tuple[str, ...]
    """In the order nginx reads them, each once."""
    directories: tuple[str, ...]
    """Directories in which an include pattern looked for files."""
    patterns: tuple[str, ...] = ()
    """Those patterns, absolute."""


def load(host: Host, main: str) -> Configuration:
    """The configuration that starts at the file `main`."""
    loader = _Loader(host, posixpath.dirname(main))
    root = loader.file(host, main, (), ())
    return loader.result((root,))


def load_documents(host: Host) -> Configuration:
    """The nginx files of a repository: each that no other includes is a configuration of its own."""
    documents = tuple(d.path for d in host.documents() if d.kind is DocumentKind.NGINX)
    loader = _Loader(host, "/etc/nginx", documents)
    included = {
        target
        for path in documents
        for directive in _includes(loader.parsed(host, path))
        for target in loader.in_repository(directive.args[0], path)
        if target != path
    }
    # Files that include each other in a circle would otherwise vanish altogether.
    roots = [path for path in documents if path not in included] or list(documents)
    return loader.result(tuple(loader.file(host, path, (), ()) for path in roots))


def _shared(path: str, other: str) -> int:
    """How many folders from the top two files have in common."""
    folders = zip(posixpath.dirname(path).split("/"), posixpath.dirname(other).split("/"), strict=False)
    return next((at for at, (one, two) in enumerate(folders) if one != two), path.count("/"))


def _includes(file: ParsedFile | None) -> Iterator[Directive]:
    pending = list(file.directives) if file else []
    while pending:
        directive = pending.pop()
        pending.extend(directive.block or ())
        if directive.name == "include" and directive.args:
            yield directive


class _Loader:
    """One walk over the files; each is read and parsed once, however often it is included.

    What a file names is looked at as whoever may write that file.
    """

    def __init__(self, host: Host, prefix: str, documents: tuple[str, ...] = ()) -> None:
        self._host = host
        self._prefix = prefix
        self._documents = documents
        self._tree = bool(documents)
        self._parsed: dict[str, ParsedFile | None] = {}
        self._unread: dict[str, Cause] = {}
        self._errors: list[ConfigError] = []
        self._files: dict[str, None] = {}
        self._directories: dict[str, None] = {}
        self._patterns: dict[str, None] = {}
        self._left = NODES
        self._cut_off = False

    def result(self, roots: tuple[tuple[Node, ...], ...]) -> Configuration:
        return Configuration(
            roots, tuple(self._errors), tuple(self._files), tuple(self._directories), tuple(self._patterns)
        )

    def file(self, host: Host, path: str, chain: tuple[Place, ...], open_files: tuple[str, ...]) -> tuple[Node, ...]:
        """The nodes of one file. `open_files`: the files whose include led here."""
        parsed = self.parsed(host, path, chain)
        if parsed is None:
            return ()
        self._files[path] = None
        return self._nodes(host.named_in(path), parsed.directives, chain, (*open_files, path))

    def parsed(self, host: Host, path: str, chain: tuple[Place, ...] = ()) -> ParsedFile | None:
        if path not in self._parsed:
            content = host.read(path, TextKind.NGINX)
            if isinstance(content, Content):
                parsed = parse(path, content.text, truncated=content.truncated)
                self._parsed[path] = parsed
                self._errors.extend(parsed.errors)
            else:
                self._parsed[path] = None
                self._unread[path] = content.cause if isinstance(content, Unseen) else Cause.NOT_FOUND
                self._unreadable(host, path, content, chain)
        return self._parsed[path]

    def _unreadable(self, host: Host, path: str, answer: Answer, chain: tuple[Place, ...]) -> None:
        at = chain[-1] if chain else Place(path=path)
        stat = host.stat(path)
        if isinstance(stat, Stat) and stat.type is FileType.DIRECTORY:
            self._error(at, f'"{path}" is a directory, which nginx cannot read as a file', about=path)
        elif isinstance(answer, Unseen) and answer.cause is Cause.UNREADABLE and isinstance(stat, Stat):
            # Nginx cannot either.
            self._error(at, f'"{path}" could not be read: {answer.reason}', about=path, fatal=False)
        elif isinstance(answer, Unseen):
            self._unseen(at, path, "could not be read", answer)
        else:
            what = "a link to nothing" if isinstance(stat, Stat) and stat.type is FileType.LINK else "no such file"
            self._error(at, f'open() "{path}" failed: {what}', about=path)

    def _error(self, at: Place, message: str, *, about: str, fatal: bool = True) -> None:
        self._errors.append(ConfigError(at.path, at.line, message, fatal, about=about))

    def _unseen(self, at: Place, path: str, what: str, unseen: Unseen) -> None:
        message = f'"{path}" {what}: {unseen.reason}'
        self._errors.append(ConfigError(at.path, at.line, message, fatal=False, cause=unseen.cause, about=path))

    def _nodes(
        self, host: Host, directives: tuple[Directive, ...], chain: tuple[Place, ...], open_files: tuple[str, ...]
    ) -> tuple[Node, ...]:
        nodes: list[Node] = []
        self._left -= 1 + len(directives)
        for directive in directives:
            if directive.name == "include" and directive.block is None and len(directive.args) == 1:
                nodes.extend(self._include(host, directive, chain, open_files))
            else:
                block = directive.block
                inner = None if block is None else self._nodes(host, block, chain, open_files)
                nodes.append(Node(directive, chain, inner))
        return tuple(nodes)

    def _include(
        self, host: Host, directive: Directive, chain: tuple[Place, ...], open_files: tuple[str, ...]
    ) -> Iterator[Node]:
        pattern = directive.args[0]
        inner = (*chain, directive.place)
        if self._left <= 0 or len(open_files) > _DEPTH:
            if not self._cut_off:
                self._cut_off = True
                message = "its includes multiply: not all of the configuration was read"
                self._error(directive.place, message, about="", fatal=False)
            yield Node(directive, chain, None)
            return
        if self._tree:
            paths = self.in_repository(pattern, open_files[-1])
        elif not is_pattern(pattern):
            paths = (posixpath.join(self._prefix, pattern),)
        else:
            paths = self._glob(host, posixpath.join(self._prefix, pattern))
        for path in paths:
            if path in open_files:
                message = f'"{path}" includes itself, without an end'
                self._error(directive.place, message, about=path, fatal=not self._tree)
                continue
            if self.parsed(host, path, inner) is None:
                yield Node(directive, chain, None, cause=self._unread[path])
            yield from self.file(host, path, inner, open_files)
        if self._tree and not paths:
            yield from self._not_in_repository(directive, chain)

    def _not_in_repository(self, directive: Directive, chain: tuple[Place, ...]) -> Iterator[Node]:
        name = directive.args[0]
        if posixpath.basename(name) == "proxy_params":
            for line in parse("", _DEBIAN_PROXY_PARAMS).directives:
                yield Node(Directive(line.name, line.args, directive.line, directive.source), chain, None)
        else:
            partial = is_pattern(name) or any(word in name.lower() for word in _HARMLESS)
            yield Node(directive, chain, None, partial)

    def in_repository(self, pattern: str, including: str) -> tuple[str, ...]:
        """Documents that an include of a repository's file means: beside it, or where their last directories agree."""
        beside = joined(posixpath.dirname(including), pattern)
        if not is_pattern(pattern):
            exact = [path for path in self._documents if path == beside]
            name = posixpath.basename(pattern)
            same = exact or [path for path in self._documents if posixpath.basename(path) == name and path != including]
            if not same and not pattern.startswith("/") and isinstance(self._host.stat(beside), Stat):
                same = [beside]
            return tuple(same[:1])
        folder, name = posixpath.split(pattern)
        tail = posixpath.basename(folder)
        folders = {tail, "sites-available"} if tail == "sites-enabled" else {tail}
        meant = [
            path
            for path in sorted(self._documents)
            if path != including
            and posixpath.basename(posixpath.dirname(path)) in folders
            and fnmatchcase(posixpath.basename(path), name)
        ]
        # Of staging/ and production/, each with a main file and sites, the nearer sites are meant.
        nearest = max((_shared(path, including) for path in meant), default=0)
        return tuple(path for path in meant if _shared(path, including) == nearest)

    def _glob(self, host: Host, pattern: str) -> tuple[str, ...]:
        found = expand(host, pattern)
        self._patterns[pattern] = None
        self._directories.update(dict.fromkeys(found.folders))
        for directory, why in found.unlisted:
            self._unseen(Place(path=directory), directory, "could not be listed", why)
        return found.paths
