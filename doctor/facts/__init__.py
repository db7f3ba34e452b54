"""From observations to typed facts, one module a source; `gather` runs them, `topology` is what they join into."""
