"""The rule engine: loads rules, judges facts by them, and orders what it finds, cause first."""
