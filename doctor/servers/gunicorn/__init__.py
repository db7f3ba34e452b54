"""Gunicorn: masters, workers and other children, and the settings in force, each with where it comes from.

Order of settings (gunicorn/app/base.py, Application.load_config): defaults, some of which read the
environment < config file < GUNICORN_CMD_ARGS < command line.
"""

from __future__ import annotations

from doctor.servers.gunicorn.discover import collect
from doctor.servers.gunicorn.model import Gunicorn, Holder, Settings, Shadowed, Unwritable
from doctor.servers.gunicorn.tree import services
from doctor.servers.gunicorn.variables import assumptions, pythonpath

__all__ = [
    "Gunicorn",
    "Holder",
    "Settings",
    "Shadowed",
    "Unwritable",
    "assumptions",
    "collect",
    "pythonpath",
    "services",
]
