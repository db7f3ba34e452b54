"""flaskdoctor: says why a Flask app behind Nginx and Gunicorn is broken, and proves it."""

__version__ = "0.1.0"
