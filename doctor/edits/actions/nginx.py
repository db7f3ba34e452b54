"""Actions on Nginx's files: which text they edit, and how."""

from __future__ import annotations

import posixpath

from doctor.edits import nginx
from doctor.edits.changes import Relink
from doctor.edits.effect import EnabledSite, TextEdit
from doctor.engine.actions import BoundAction


def set_directive(action: BoundAction) -> TextEdit:
    """`nginx.set`."""
    place, directive, value = action.place("place"), action.text("directive"), action.text("value")
    return TextEdit(place.path, place.line, lambda text: nginx.set_directive(text, place.line, directive, value))


def remove_directive(action: BoundAction) -> TextEdit:
    """`nginx.remove`."""
    place, directive = action.place("place"), action.text("directive")
    return TextEdit(place.path, place.line, lambda text: nginx.remove_directive(text, place.line, directive))


def replace_line(action: BoundAction) -> TextEdit:
    """`nginx.replace`."""
    edit = action.edit("edit")
    return TextEdit(edit.path, edit.line, lambda text: nginx.replace_line(text, edit.line, edit.before, edit.after))


def enable_site(action: BoundAction) -> EnabledSite:
    """`nginx.enable-site`: Debian's pair of folders."""
    path = action.text("path")
    enabled = posixpath.join(posixpath.dirname(posixpath.dirname(path)), "sites-enabled")
    return EnabledSite(Relink(posixpath.join(enabled, posixpath.basename(path)), path))
