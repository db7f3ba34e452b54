"""Logs: the journal of a unit and nginx's error log, bounded, from the end, since the last start."""

from doctor.facts.log.journal import ask_ahead
from doctor.facts.log.model import AccessLog, LogEvent, NginxLog, UnitLog
from doctor.facts.log.nginx import collect_nginx
from doctor.facts.log.unit import collect_unit
from doctor.facts.log.webserver import start_failure

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
