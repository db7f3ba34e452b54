"""Real machines to break: booted in half a second, thrown away afterwards."""
