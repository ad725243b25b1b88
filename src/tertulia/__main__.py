"""`python -m tertulia`: the same command as `tertulia`."""

import sys

from tertulia.cli import main

sys.exit(main())
