"""Files of our own in systemd's folders: how they are called, so that every room knows them."""

from __future__ import annotations

DROP_IN = "zz-flaskdoctor.conf"
"""The drop-in that fixes write. The last by name counts, and `systemctl edit` calls its own override.conf."""
REHEARSAL = "flaskdoctor-rehearsal-"
"""How units begin in which an app is loaded once before a reload; no app is served by one."""
