"""The two servers of a request: Nginx and Gunicorn, as configured and as they run."""
