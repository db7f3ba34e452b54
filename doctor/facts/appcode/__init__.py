"""The app's code on disk, read with `ast` and `compile` only: would the next start work?"""

from doctor.facts.appcode.collect import collect
from doctor.facts.appcode.model import AppCode, EntryPoint, Imports

__all__ = ["AppCode", "EntryPoint", "Imports", "collect"]
