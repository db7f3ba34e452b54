"""A unit against what runs: what it would start now, what it was started with, what it left behind."""
