"""What each action of `engine.actions` comes to."""
