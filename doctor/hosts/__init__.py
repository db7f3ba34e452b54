"""How to look at a machine, a folder or a recording, and what must be hidden. Interprets nothing."""
