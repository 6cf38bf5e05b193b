"""`python -m kubectl_dcs` is the same as `kubectl dcs`."""

from __future__ import annotations

import sys

from kubectl_dcs.cli import main

sys.exit(main())
