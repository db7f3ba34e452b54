"""What several sources say together: the environment, the release, the code, the service, the static files."""
