"""Pages that are generated from their one source: CRDs, command line and chart values.

`python -m reference` writes them, `python -m reference --check` tells which are stale.
"""
