"""The command line: thin; whatever it does can be called without it."""

from doctor.cli.app import main

__all__ = ["main"]
