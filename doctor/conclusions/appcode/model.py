"""The typed facts about the app's code."""

from __future__ import annotations

from doctor.facts.value import Fact
from doctor.frozen import frozen


@frozen
class EntryPoint:
    """module:callable of the app, and the file the module resolves to."""

    module: str
    """The dotted name of the module: "shop.wsgi" of "shop.wsgi:app"."""
    callable: str
    """What comes after the colon: "app", or "create_app()"."""
    file: str
    """The physical path of the file that the module resolves to."""


@frozen
class Imports:
    """What a start reads of the app, in physical paths.

    `root`: the entry of the search path that holds the entry module, or its package where that is installed. `files`
    of the app's own that its imports lead to; empty where nobody followed them. `folders`: where imports look first.
    """

    root: str
    """The entry of the search path that holds the entry module, or its package where that is installed."""
    files: frozenset[str]
    """Physical paths of the app's own files that a start imports."""
    folders: tuple[str, ...]
    """The folders where imports look first, in order."""


@frozen
class AppCode:
    """Code the next start or reload would load, in the directory it would load it from.

    Each problem is Known with a sentence, Absent when the code is fine there, Unknown where it cannot be told.
    """

    directory: Fact[str]
    """The physical directory that the next start would load the code from."""
    entry_module: Fact[str]
    """The module the entry point names, whether it exists or not."""
    own_names: Fact[frozenset[str]]
    """Top-level names that stand for something in the app's own folders: what begins with one is never from PyPI."""
    entry: Fact[EntryPoint]
    """The entry point that Gunicorn is given, resolved to a file."""
    imports: Fact[Imports]
    """Unknown where not all of them could be followed."""
    syntax_error: Fact[str]
    """In any file of the app that its imports lead to, those in functions included."""
    missing_module: Fact[str]
    """Name of the first module imported at start that the unit's environment does not have."""
    missing_package: Fact[str]
    """`missing_module` where that is nothing of the app's own, so that something has to be installed."""
    import_failure: Fact[str]
    """Where the app's own code would raise while it is imported: a `raise`, or an import of something of its own that
    is not there; one sentence."""
    entry_problem: Fact[str]
    """Why the entry point would not be found."""
    required_by: Fact[str]
    """file:line of the first variable read with os.environ[...] at import, or of the first that is missing."""
    missing_variables: Fact[tuple[str, ...]]
    """Variables read with os.environ[...] at import that neither the unit nor a .env file the app loads would set;
    Absent when none."""
    boot_blocker: Fact[str]
    """The first of: syntax error, wrong entry point, failing import, missing variable; one sentence."""
    static_folder: Fact[str]
    """The folder of Flask's static files, an absolute path, from the call of Flask() in the code."""
    static_url: Fact[str]
    """The URL path of the static files: static_url_path of the call of Flask(), or the last part of the folder."""
    version_route: Fact[str]
    """A route of the app's code such as /version or /healthz; Absent where it has none."""
    upload_limit: Fact[int]
    """MAX_CONTENT_LENGTH in bytes."""
    uses: Fact[frozenset[str]]
    """Top-level modules imported at start."""
    loads_dotenv: Fact[bool]
    """The app calls load_dotenv()."""
