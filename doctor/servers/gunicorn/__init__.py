"""Gunicorn: masters, workers and other children, and the settings in force, each with where it comes from.

How one is started is said once, each step by a module of its own:

1. `launch`: a command line leads to Gunicorn, directly or through a shell, a script, a launcher.
2. `plan`: what a unit says it starts: the first such command, with the environment of the start.
3. `start`: what a master was started with, or a unit would start: `program` finds the installation.
4. `settings`: the `values` in force, of several `layers`: `arguments`, `config` (with `expression`), the environment.
5. `discover`: a `look` at the process table (`tree`), who is `running` there, and the plans, come together.
"""

from __future__ import annotations

from doctor.servers.gunicorn.discover import collect
from doctor.servers.gunicorn.model import Gunicorn, Holder, Settings, Shadowed, Unwritable
from doctor.servers.gunicorn.plan import Plan, plans
from doctor.servers.gunicorn.tree import services
from doctor.servers.gunicorn.variables import assumptions

__all__ = [
    "Gunicorn",
    "Holder",
    "Plan",
    "Settings",
    "Shadowed",
    "Unwritable",
    "assumptions",
    "collect",
    "plans",
    "services",
]
