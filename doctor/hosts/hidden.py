"""What stands in the place of a secret."""

from __future__ import annotations

import re

TOKEN = re.compile(r"<hidden:[0-9a-f]{12}>")
"""Equal tokens are equal values within one run; nothing else can be told from one."""


def is_hidden(text: str) -> bool:
    """A secret was taken out of it."""
    return TOKEN.search(text) is not None
