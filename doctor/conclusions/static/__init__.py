"""Static files: where nginx looks for them, whether it may read them, and how old they are."""

from doctor.conclusions.static.paths import StaticPath, collect

__all__ = ["StaticPath", "collect"]
