"""``python -m powerenvs`` is the command ``powerenvs``, which comes with the metrics."""

import sys

from power_metrics.cli.main import main

sys.exit(main())
