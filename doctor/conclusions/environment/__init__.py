"""The environment of a service: what unit and env files say against what the running process has.

systemd puts it together when it starts the process, and never again: its own variables, PassEnvironment=,
Environment=, then the files of EnvironmentFile= in order, a later one winning (systemd.exec(5)). A reload
changes nothing of it.
"""

from doctor.conclusions.environment.collect import collect
from doctor.conclusions.environment.compare import compare
from doctor.conclusions.environment.model import NOTHING, Environment

__all__ = ["NOTHING", "Environment", "collect", "compare"]
