"""What systemd gives a process of a service as its environment."""

from __future__ import annotations

STANDARD_NAMES = frozenset((
    "PATH", "LANG", "LANGUAGE", "USER", "LOGNAME", "HOME", "SHELL", "TERM", "TZ", "INVOCATION_ID", "JOURNAL_STREAM",
    "SYSTEMD_EXEC_PID", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID", "MAINPID",
    "MANAGERPID", "PIDFILE", "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY",
    "CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY", "WATCHDOG_PID", "WATCHDOG_USEC", "XDG_RUNTIME_DIR",
    "REMOTE_ADDR", "REMOTE_PORT", "FDSTORE", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE", "DEBUG_INVOCATION",
    "SYSTEMD_NSS_DYNAMIC_BYPASS", "SYSTEMD_LOG_LEVEL",
))  # fmt: skip
"""Names systemd sets of its own accord (systemd.exec(5), "Environment variables in spawned processes")."""
