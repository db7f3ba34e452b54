"""`python -m doctor` is `flaskdoctor`."""

import sys

from doctor.own_path import restrict

restrict()

from doctor.cli import main  # noqa: E402 - only now it is ours for sure

sys.exit(main())
