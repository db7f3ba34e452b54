"""Logs: the journal of a unit and nginx's error log, bounded, from the end, since the last start."""

from doctor.sources.logs.journal import ask_ahead
from doctor.sources.logs.model import AccessLog, LogEvent, NginxLog, UnitLog
from doctor.sources.logs.nginx import collect_nginx
from doctor.sources.logs.unit import collect_unit
from doctor.sources.logs.webserver import start_failure

__all__ = [
    "AccessLog",
    "LogEvent",
    "NginxLog",
    "UnitLog",
    "ask_ahead",
    "collect_nginx",
    "collect_unit",
    "start_failure",
]
