"""Releases: link targets, the releases folder, and how old the running code is against what lies on disk."""

from doctor.facts.release.collect import collect
from doctor.facts.release.model import Release
from doctor.facts.release.way import configured

__all__ = ["Release", "collect", "configured"]
