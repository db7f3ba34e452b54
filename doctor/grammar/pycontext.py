"""Where a statement of a Python file stands: whether an import runs it, and whether an error in it stops the import."""

from __future__ import annotations

from dataclasses import replace

from doctor.frozen import frozen

_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_KEY_ERRORS = frozenset({"KeyError", "LookupError", "Exception", "BaseException"})


@frozen
class Context:
    """Where a statement stands. `deferred`: in a function; `scope`: the class whose body it is."""

    conditional: bool = False
    uncertain: bool = False
    """The import may not run it: a branch, an except, a loop."""
    deferred: bool = False
    scope: str = ""
    import_caught: bool = False
    key_caught: bool = False

    def branch(self) -> Context:
        """The same in a part that may not be run."""
        return replace(self, conditional=True, uncertain=True)


def catching(context: Context, names: set[str]) -> Context:
    """The same where exceptions of these names are caught."""
    return replace(
        context,
        import_caught=context.import_caught or not names.isdisjoint(_IMPORT_ERRORS),
        key_caught=context.key_caught or not names.isdisjoint(_KEY_ERRORS),
    )
