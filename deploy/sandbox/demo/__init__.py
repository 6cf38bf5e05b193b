"""The demo: about 120 migrations stopped on a control plane and a DCS of this machine.

`python -m sandbox.demo` plays the script and judges it; with `--stay` everything stays up for use
by hand. The expectations are in `fleet.py`, the measurements in `resources.py` and `calls.py`, and
`verdict.py` compares the two.
"""
