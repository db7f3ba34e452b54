"""Releases: link targets, the releases folder, and how old the running code is against what lies on disk."""

from doctor.conclusions.release.collect import collect
from doctor.conclusions.release.model import Release
from doctor.conclusions.release.way import configured

__all__ = ["Release", "collect", "configured"]
