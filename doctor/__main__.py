"""`python -m doctor` is `flaskdoctor`."""

import sys

from doctor.cli import main

sys.exit(main())
