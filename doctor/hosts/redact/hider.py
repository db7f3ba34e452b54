"""A value in a token's stead, and the values that are known to be secret wherever else they are seen."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from binascii import b2a_base64

from doctor.hosts.hidden import TOKEN
from doctor.hosts.redact import secrets

_KNOWN_LIMIT = 4000
"""Secrets that are looked for in logs."""

_LETTERS = re.compile(r"[A-Za-z0-9]+")


class Hider:
    """Hides values. One for a whole run, so that equal values have equal tokens wherever they are seen."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key if key is not None else os.urandom(32)
        self._known: dict[str, str] = {}
        """Values of variables, in all the ways they are written, with their tokens: a program that fails may print one
        without its name."""
        self._known_by_word: dict[str, tuple[str, ...]] = {}
        """The same values by their longest word, so that a log is not searched for each of them."""

    def hide(self, value: str) -> str:
        """The token of a value. A token stays what it is."""
        if not value or TOKEN.fullmatch(value):
            return value
        digest = hmac.new(self._key, value.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
        return f"<hidden:{digest[:12]}>"

    def quoted(self, value: str) -> str:
        """A value hidden within its quotes; a reference to a value is not one."""
        quote = value[0] if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0] else ""
        inner = value[1:-1] if quote else value
        if not inner or (secrets.REFERENCE.fullmatch(inner) and not (quote and inner[0] not in "${%")):
            return value
        return quote + self.hide(inner) + quote

    def remember(self, secret: str) -> None:
        """Hide this wherever a log says it, in all the ways it may be written."""
        if secret not in self._known and len(self._known) < _KNOWN_LIMIT:
            token = self.hide(secret)
            data = secret.encode("utf-8", "surrogateescape")
            quoted = "".join(c if c.isalnum() or c in "_.-~" else f"%{ord(c):02X}" for c in data.decode("latin-1"))
            for written in (secret, repr(secret)[1:-1], quoted, b2a_base64(data, newline=False).decode()):
                if written not in self._known:
                    word = max(_LETTERS.findall(written), key=len, default="")
                    self._known_by_word[word] = (*self._known_by_word.get(word, ()), written)
                self._known[written] = token

    def without_known(self, text: str) -> str:
        """A text with tokens for the values that are known to be secret."""
        # A value counts where no letter or digit touches it, so that its words are words of the text.
        words = {"", *_LETTERS.findall(text)}
        met = (secret for word in words for secret in self._known_by_word.get(word, ()) if secret in text)
        for secret in sorted(met, key=lambda secret: (-len(secret), secret)):
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", self._known[secret], text)
        return text
