"""Python as an app finds it: its search path and its packages, read and never imported."""
