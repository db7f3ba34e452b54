"""The app's code on disk, read with `ast` and `compile` only: would the next start work?"""

from doctor.conclusions.appcode.collect import collect
from doctor.conclusions.appcode.model import AppCode, EntryPoint, Imports

__all__ = ["AppCode", "EntryPoint", "Imports", "collect"]
