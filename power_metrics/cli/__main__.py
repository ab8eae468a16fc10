"""``python -m power_metrics.cli`` is ``powerenvs``."""

import sys

from power_metrics.cli.main import main

sys.exit(main())
