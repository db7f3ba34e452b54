"""What is known of a Python source file: what it imports, defines and needs (`python_source.py` finds it)."""

from __future__ import annotations

from doctor.frozen import frozen
from doctor.grammar.bounds import Literal


@frozen
class Expression:
    """A value that only running the file could tell; `text` is its source."""

    text: str


@frozen
class Assignment:
    """A name bound at module level. `conditional`: under if, try, for, while or with.

    Settings are assignments too, with the target as it is written: `Config.DEBUG` of a class body, and
    `app.config['MAX_CONTENT_LENGTH']` at any level (`conditional` in a function).
    """

    name: str
    value: Literal | Expression
    line: int
    conditional: bool


@frozen
class Import:
    """One imported module. `level` counts the leading dots; `names` are what `from … import` takes.

    `guarded`: inside try with an except that catches ImportError, under a condition (`if TYPE_CHECKING` or any
    other, which may not hold), or in a function: its failure need not stop the import of the file.
    """

    module: str
    names: tuple[str, ...]
    level: int
    line: int
    guarded: bool


@frozen
class EnvRead:
    """A variable read from the environment at import. `required`: `os.environ["X"]`, which raises without it.

    `guarded` as for imports: in a function, under a condition, inside a try that catches KeyError, or after the
    file itself has set the variable.
    """

    name: str
    line: int
    required: bool
    guarded: bool


@frozen
class Definition:
    """A function or class at module level. `required_arguments`: how many a call must give."""

    name: str
    kind: str
    line: int
    required_arguments: int


@frozen
class SourceError:
    """Why the file does not compile."""

    message: str
    line: int


@frozen
class Call:
    """A call of interest at any level: `Flask(...)`, `ProxyFix(...)`, `load_dotenv(...)`. Keyword values where literal.

    `function` is without its module ("Flask" for `flask.Flask`), but with the object of a method ("app.run").
    """

    function: str
    line: int
    arguments: tuple[Literal | Expression, ...]
    keywords: tuple[tuple[str, Literal | Expression], ...]


@frozen
class Outline:
    """One source file. With an `error` everything else is empty."""

    error: SourceError | None
    imports: tuple[Import, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    definitions: tuple[Definition, ...] = ()
    env_reads: tuple[EnvRead, ...] = ()
    calls: tuple[Call, ...] = ()
    routes: tuple[str, ...] = ()
    """URL paths of `@app.route("…")` decorators."""
    dynamic_names: bool = False
    """Names are made in ways ast cannot follow (`from x import *`, `globals()`, module `__getattr__`)."""
    truncated: bool = False
    raises: int = 0
    """Line of a `raise` that every import of the module comes to; 0 for none."""
