"""Logs: the journal of a unit and nginx's error log, bounded, from the end, since the last start."""

from doctor.facts.log.model import LogEvent, NginxLog, UnitLog
from doctor.facts.log.nginx import collect_nginx
from doctor.facts.log.unit import ask_ahead, collect_unit

__all__ = ["LogEvent", "NginxLog", "UnitLog", "ask_ahead", "collect_nginx", "collect_unit"]
