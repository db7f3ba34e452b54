"""What belongs together: units, Gunicorns and the ways of nginx, joined into Apps."""
