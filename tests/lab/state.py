"""Everything on a machine that looking at it must not change."""

from __future__ import annotations

from lab.machine import Machine


def state(m: Machine) -> set[str]:
    """Every path with type, mode, owner, size, times and inode; hashes of files that matter; processes and units."""
    places = "/etc /run /srv /var /tmp"
    # The journal grows and logind counts by themselves.
    noise = r"-path /run/log/journal -prune -o -path /run/systemd/journal -prune -o -path /run/systemd/sessions -prune"
    text = m.sh(
        f"find {places} {noise} -o -printf '%p %y %m %U:%G %s %T@ %C@ %i %l\\n' | sort; "
        f"find /etc /run /srv /var/log {noise} -o -type f -print0 | sort -z | xargs -0 sha256sum; "
        "ps -C nginx,gunicorn -o pid,ppid,lstart,args; "
        "systemctl list-units --all --plain --no-legend --no-pager; "
        "systemctl show -p NeedDaemonReload,MainPID,NRestarts shop.service nginx.service",
        timeout=120,
    )
    return set(text.splitlines())
