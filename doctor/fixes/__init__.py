"""What can be done about a finding: the closed set of actions, and how each is previewed."""
