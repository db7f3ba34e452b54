"""What flaskdoctor costs: `python -m benchmarks` runs all, and README.md says what each compares."""
