"""From a Gunicorn and a directory to the facts about the code there."""

from __future__ import annotations

import re
import sys
from ast import Call, Name
from collections.abc import Sequence
from dataclasses import fields

from doctor.cause import Cause, Doubt, doubt
from doctor.conclusions.appcode.built import made_by_a_build
from doctor.conclusions.appcode.flask import (
    calls_dotenv,
    static_folder,
    static_url,
    upload_limit,
    version_route,
)
from doctor.conclusions.appcode.loads import imports_of
from doctor.conclusions.appcode.model import AppCode, EntryPoint, Imports
from doctor.conclusions.appcode.walk import Problem, Walk, binds, walk
from doctor.facts.value import ABSENT, Absent, Fact, Known, Place, Unknown, computed
from doctor.grammar.data import expression as parsed_expression
from doctor.grammar.envfile import EnvFile
from doctor.grammar.outline import Outline
from doctor.grammar.paths import joined
from doctor.hosts.base import Content, Host, Missing, TargetKind, TextKind, Unseen
from doctor.servers.gunicorn.model import Gunicorn
from doctor.sources.python.modules import Found, Modules, interpreter
from doctor.sources.systemd import Unit
from doctor.sources.systemd.environment import STANDARD_NAMES
from doctor.sources.variables import of_process

_GIVEN = STANDARD_NAMES | {"SERVER_SOFTWARE"}
"""Variables that systemd and Gunicorn set themselves."""

_ANY_VERSION = (
    "Missing parentheses in call",
    "expected an indented block",
    "inconsistent use of tabs",
    "unexpected indent",
    "unindent does not match",
    "unmatched ",
    "unterminated string literal",
    "was never closed",
)
"""Errors that every Python 3 finds, where no f-string is on the line."""
_NEWER = re.compile(
    r"^\s*type\s+\w|^\s*(?:async\s+)?(?:def|class)\s+\w+\s*\[|^\s*except\b[^:]*,|^\s*(?:match|case)\b|^\s*lazy\b"
    r"|\b[rR]?[tT][rR]?[\"']|:="
)
"""What a newer Python may take: type aliases and parameters, `except A, B`, template strings."""
_FACTORY = r"(?:create|make|build|get)_\w*app\w*$|\w*factory$"


def collect(
    host: Host,
    gunicorn: Gunicorn,
    unit: Fact[Unit],
    directory: Fact[str],
    declared: Fact[frozenset[str]],
    pythonpath: Fact[str],
) -> AppCode:
    """Read the code that a start in `directory` would load.

    Args:
        host: where to look.
        gunicorn: its settings name the entry point and its virtual environment the packages.
        unit: for its root directory; Absent for a Gunicorn without one.
        directory: where the next start or reload would run, physical or not.
        declared: names of the variables it would have.
        pythonpath: PYTHONPATH as the unit would set it.
    """
    if isinstance(directory, Absent):
        directory = Unknown("the directory the app would run in does not exist", Cause.NOT_FOUND, directory.places)
    if isinstance(directory, Unknown):
        return _all(directory)
    if isinstance(unit, Known) and isinstance(unit.value.root_directory, Known):
        return _all(
            Unknown("the unit has a RootDirectory= of its own", Cause.ELSEWHERE, unit.value.root_directory.places)
        )
    wsgi_app = gunicorn.settings.wsgi_app
    if not isinstance(wsgi_app, Known):
        return _all(
            wsgi_app
            if isinstance(wsgi_app, Unknown)
            else Unknown("no WSGI app is named in its settings", Cause.NOT_FOUND),
            directory,
        )
    return _Collector(host, gunicorn, directory, wsgi_app, pythonpath).collect(declared)


def _all(reason: Unknown, directory: Fact[str] | None = None) -> AppCode:
    facts: dict[str, Fact[str]] = {field.name: reason for field in fields(AppCode)}
    if directory is not None:
        facts["directory"] = directory
    return AppCode(**facts)  # type: ignore[arg-type]


class _Collector:
    def __init__(
        self, host: Host, gunicorn: Gunicorn, directory: Known[str], wsgi_app: Known[str], pythonpath: Fact[str]
    ) -> None:
        self._host = host
        self._gunicorn = gunicorn
        self._directory = directory
        self._wsgi_app = wsgi_app
        venv = gunicorn.venv.or_("")
        python = gunicorn.python.or_("")
        self._interpreter = interpreter(host, venv, python)
        venv_unknown = gunicorn.venv if isinstance(gunicorn.venv, Unknown) else None
        search, hidden = _search(gunicorn, pythonpath, directory.value)
        self._own_folders = search
        self._modules = Modules(host, search, self._interpreter)
        self._doubt = venv_unknown or hidden
        self._foreign = (*self._interpreter.sites, self._interpreter.library)
        self._site_folders = tuple(f"{folder}/" for folder in self._foreign if folder)

    def collect(self, declared: Fact[frozenset[str]]) -> AppCode:
        module, attribute, is_call = _split(self._wsgi_app.value)
        found = self._modules.find(module)
        if isinstance(found, Unseen):
            return _all(Unknown.of(found, self._wsgi_app.places), self._directory)
        if isinstance(found, Missing):
            return self._without_entry(module)
        seen = walk(self._host, self._modules, module, attribute if is_call else "", self._foreign)
        own = seen.modules
        entry_problem = self._entry_problem(found, module, attribute, is_call)
        syntax = self._syntax(seen)
        own_names = self._own_names()
        missing_module = self._missing_module(seen)
        unbound = next((p for p in seen.missing if not p.module), None)
        unbound_name: Fact[str] = Known(unbound.text, (unbound.place,)) if unbound else self._nothing(seen)
        failure = self._import_failure(seen)
        missing, required_by = self._variables(seen, declared)
        return AppCode(
            directory=self._directory,
            entry_module=Known(module, self._wsgi_app.places),
            own_names=own_names,
            entry=computed(EntryPoint(module, attribute, found.file), *self._wsgi_app.places, Place(path=found.file)),
            imports=self._imports(found, seen),
            syntax_error=syntax,
            missing_module=missing_module,
            missing_package=_package(missing_module, own_names),
            import_failure=failure,
            entry_problem=entry_problem,
            required_by=required_by,
            missing_variables=missing,
            boot_blocker=_blocker(seen, syntax, entry_problem, missing_module, unbound_name, failure, missing),
            static_folder=static_folder(own),
            static_url=static_url(own),
            version_route=version_route(own),
            upload_limit=upload_limit(own),
            uses=Known(frozenset(seen.uses), self._wsgi_app.places),
            loads_dotenv=calls_dotenv(own),
        )

    def _imports(self, found: Found, seen: Walk) -> Fact[Imports]:
        broken = next((Doubt(problem.text, Cause.NOT_UNDERSTOOD) for problem in seen.syntax), None)
        if (why := self._doubt or seen.unseen or broken) is not None:
            return Unknown.of(why)
        return imports_of(self._host, found, seen, self._own_folders, self._modules.search, self._wsgi_app.places)

    def _nothing(self, seen: Walk) -> Absent | Unknown:
        """What it means that nothing was found."""
        why = self._doubt or seen.unseen
        return Unknown.of(why) if why else ABSENT

    def _without_entry(self, module: str) -> AppCode:
        reason = Unknown(f"the module {module} was not found", Cause.NOT_FOUND)
        if self._doubt:
            return _all(Unknown.of(self._doubt), self._directory)
        hint = " (a module is named without .py and with dots)" if "/" in module or module.endswith(".py") else ""
        text = f"the module {module} is neither in {self._directory.value} nor installed{hint}"
        problem = Known(text, (*self._wsgi_app.places, *self._directory.places))
        facts: dict[str, Fact[str]] = {field.name: reason for field in fields(AppCode)}
        facts.update(directory=self._directory, entry=ABSENT, entry_problem=problem, boot_blocker=problem)
        facts.update(entry_module=Known(module, self._wsgi_app.places))
        facts.update(import_failure=ABSENT, syntax_error=ABSENT, missing_module=ABSENT, missing_package=ABSENT)
        sets: dict[str, Fact[frozenset[str]]] = {"own_names": self._own_names()}
        return AppCode(**{**facts, **sets})  # type: ignore[arg-type]

    def _own_names(self) -> Fact[frozenset[str]]:
        """Modules and folders in the app's part of the search path, by the names an import would use.

        The entry point is the app's own too, where it is missing.
        """
        names = {self._wsgi_app.value.partition(":")[0].partition(".")[0]}
        for folder in self._own_folders:
            listed = self._host.list(folder)
            if isinstance(listed, Unseen):
                return Unknown.of(listed)
            if isinstance(listed, tuple):
                names.update(name.partition(".")[0] for name in listed)
        return Known(frozenset(names - {""}), self._directory.places)

    def _entry_problem(self, found: Found, module: str, attribute: str, is_call: bool) -> Fact[str]:
        """The name must exist, a call must fit; without one it must take a request (gunicorn/util.py, import_app)."""
        if not found.source or found.file.startswith(tuple(f"{folder}/" for folder in self._foreign if folder)):
            return (
                ABSENT if found.open else Unknown(f"{found.file or module} is not source of the app", Cause.NOT_FOUND)
            )
        outline = self._host.outline(found.file)
        if not isinstance(outline, Outline):
            return Unknown.of(doubt(outline, f"{found.file} is gone", Cause.VANISHED))
        if outline.error:
            return ABSENT
        content = self._host.read(found.file, TextKind.PYTHON)
        lines = content.text.splitlines() if isinstance(content, Content) else []
        places = (*self._wsgi_app.places, Place(path=found.file))
        if not binds(outline, lines, attribute, module):
            if attribute.startswith("__"):
                return Unknown(
                    f"a framework gives {found.file} its {attribute} while it is imported", Cause.RUN_TIME, places
                )
            if found.folders and not isinstance(self._modules.find(f"{module}.{attribute}"), Missing):
                return ABSENT
            near = _near(outline)
            hint = f"; it defines {near}" if near else ""
            return Known(f"{found.file} does not define {attribute}{hint}", places)
        function = next((d for d in outline.definitions if d.name == attribute and d.kind == "function"), None)
        if function is None:
            return ABSENT
        places = (*self._wsgi_app.places, Place(path=found.file, line=function.line))
        if is_call and function.required_arguments and self._wsgi_app.value.rstrip().endswith("()"):
            return Known(f"{attribute}() needs {function.required_arguments} arguments and is given none", places)
        if not is_call and function.required_arguments < 2 and re.match(_FACTORY, attribute):
            return Known(f"{attribute} is a function that makes the app: write {module}:{attribute}()", places)
        return ABSENT

    def _syntax(self, seen: Walk) -> Fact[str]:
        if not seen.syntax:
            return Unknown.of(seen.unseen) if seen.unseen else ABSENT
        problem = min(seen.syntax, key=lambda p: not p.eager)
        here = f"{sys.version_info[0]}.{sys.version_info[1]}"
        there = self._interpreter.version
        formatted = re.search(r"""\b[rR]?[fF][rR]?["']""", problem.place.text)
        certain = not formatted and (
            any(part in problem.text for part in _ANY_VERSION)
            or ("invalid syntax" in problem.text and not _NEWER.search(problem.place.text))
        )
        if there == here or certain or problem.place.text.startswith(("<<<<<<<", "=======", ">>>>>>>")):
            return Known(problem.text, (problem.place,))
        other = f"the app runs Python {there}" if there else "the version the app runs is not known"
        return Unknown(
            f"{problem.name} does not compile with Python {here}, but {other}", Cause.AMBIGUOUS, (problem.place,)
        )

    def _import_failure(self, seen: Walk) -> Fact[str]:
        """Of the app's own code alone, so that it matters nothing whether its environment could be seen."""
        problem = next((p for p in (*seen.raising, *seen.missing) if p in seen.raising or self._lacks(p)), None)
        return Known(problem.text, (problem.place,)) if problem else self._nothing(seen)

    def _lacks(self, problem: Problem) -> bool:
        """A module or name of a package of the app that is not there. A repository may lack what a build makes."""
        top = self._modules.find(problem.name.partition(".")[0])
        if not isinstance(top, Found) or not top.source or top.file.startswith(self._site_folders):
            return False
        if self._host.kind is not TargetKind.TREE:
            return True
        parent, _, leaf = problem.name.rpartition(".")
        package = self._modules.find(parent) if parent else Missing()
        folders = package.folders if isinstance(package, Found) else ()
        return not made_by_a_build(self._host, (*folders, *self._own_folders), leaf)

    def _missing_module(self, seen: Walk) -> Fact[str]:
        problem = next((p for p in seen.missing if p.module), None)
        if problem is None:
            return self._nothing(seen)
        if self._doubt:
            return Unknown.of(self._doubt, (problem.place,))
        return Known(problem.name, (problem.place,))

    def _variables(self, seen: Walk, declared: Fact[frozenset[str]]) -> tuple[Fact[tuple[str, ...]], Fact[str]]:
        """Variables that would be missing, and where the first of them, or of all, is read."""
        if not seen.required:
            nothing = self._nothing(seen)
            return nothing, nothing
        first = _where(seen.required[0][1])
        if isinstance(declared, Unknown):
            return declared, first
        names = declared.or_(frozenset()) | _GIVEN
        raw = self._gunicorn.settings.raw_env
        if isinstance(raw, Known):
            names |= frozenset(raw.value)
        missing = [(name, place) for name, place in seen.required if name not in names]
        loader = calls_dotenv(seen.modules)
        if missing and loader.or_([]):
            read = self._dotenv_names(loader.places)
            if isinstance(read, Unknown):
                return read, first
            missing = [(name, place) for name, place in missing if name not in read]
        if not missing:
            return Absent(tuple(place for _, place in seen.required[:1])), first
        found = tuple(dict.fromkeys(name for name, _ in missing))
        return Known(found, tuple(place for _, place in missing[:5])), _where(missing[0][1])

    def _dotenv_names(self, loaders: Sequence[Place]) -> frozenset[str] | Unknown:
        """Names in .env beside the file that calls load_dotenv(), or above it (find_dotenv of python-dotenv)."""
        for place in loaders:
            folder = place.path.rpartition("/")[0]
            while folder:
                answer = self._host.env_file(f"{folder}/.env")
                if isinstance(answer, EnvFile):
                    # `export X=1` is no assignment to systemd, but it is one to python-dotenv.
                    odd = frozenset(line.name for line in answer.oddities)
                    return frozenset(a.name for a in answer.assignments) | odd
                if isinstance(answer, Unseen):
                    return Unknown.of(answer.because("the app loads a .env file"))
                folder = folder.rpartition("/")[0]
        return Unknown(
            "the app calls load_dotenv() and no .env was found above the file that does",
            Cause.NOT_FOUND,
            tuple(loaders),
        )


def _package(module: Fact[str], own: Fact[frozenset[str]]) -> Fact[str]:
    if not isinstance(module, Known) or isinstance(own, Unknown):
        return own if isinstance(own, Unknown) else module
    is_own = own.meets(lambda it: module.value.partition(".")[0] in it)
    return Absent(module.places) if is_own else module


def _split(wsgi_app: str) -> tuple[str, str, bool]:
    """Module, name and whether it is called (gunicorn/util.py, import_app: the default name is `application`)."""
    module, _, expression = wsgi_app.partition(":")
    expression = expression.strip() or "application"
    tree = parsed_expression(expression)
    if isinstance(tree, Call) and isinstance(tree.func, Name):
        return module, tree.func.id, True
    return module, expression, False


def _search(gunicorn: Gunicorn, of_unit: Fact[str], directory: str) -> tuple[list[str], Unknown | None]:
    """sys.path before the standard library, and why it may not be all (None when it is). `of_unit`: its PYTHONPATH.

    Gunicorn puts --pythonpath first, the last entry foremost, then the directory (gunicorn/app/base.py).
    """
    search: list[str] = []
    hidden: Unknown | None = None
    pythonpath = gunicorn.settings.pythonpath
    if isinstance(pythonpath, Known):
        search += [joined(directory, entry.strip()) for entry in reversed(pythonpath.value.split(","))]
    elif isinstance(pythonpath, Unknown):
        hidden = pythonpath
    search.append(directory)
    master = gunicorn.master
    running: Fact[str] = of_process(master.value).implicit("PYTHONPATH") if isinstance(master, Known) else ABSENT
    for fact in (running, of_unit):
        if isinstance(fact, Unknown):
            hidden = hidden or fact
        search += [joined(directory, entry) for entry in fact.or_("").split(":") if entry]
    return list(dict.fromkeys(search)), hidden


def _near(outline: Outline) -> str:
    """What the module has that looks like an app: `app`, `application`, `create_app`."""
    names = [*(a.name for a in outline.assignments), *(d.name for d in outline.definitions)]
    near = [n for n in dict.fromkeys(names) if n in ("app", "application", "wsgi", "server") or re.match(_FACTORY, n)]
    return ", ".join(near)


def _where(place: Place) -> Known[str]:
    return Known(f"{place.path}:{place.line}", (place,))


def _blocker(
    seen: Walk,
    syntax: Fact[str],
    entry: Fact[str],
    module: Fact[str],
    imports: Fact[str],
    failure: Fact[str],
    variables: Fact[tuple[str, ...]],
) -> Fact[str]:
    """The first that would stop a start. Nothing found while something could not be told is not known."""
    if isinstance(syntax, Known) and any(problem.eager for problem in seen.syntax):
        return Known(syntax.value, syntax.places)
    if isinstance(entry, Known):
        return entry
    if isinstance(module, Known) or isinstance(imports, Known):
        certain = [p for p in seen.missing if not p.module or isinstance(module, Known)]
        return Known(certain[0].text, (certain[0].place,))
    if isinstance(failure, Known):
        return failure
    if isinstance(variables, Known):
        place = variables.places[0]
        return Known(
            f"{place.path}:{place.line} needs the variable {variables.value[0]}, which is not set", variables.places
        )
    doubts = [fact for fact in (syntax, entry, module, imports, variables) if isinstance(fact, Unknown)]
    return doubts[0] if doubts else ABSENT
