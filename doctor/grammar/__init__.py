"""The grammars of the files that are read: pure functions of text."""
