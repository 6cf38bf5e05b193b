"""The demo of cutovers: a wave of 60 is held, let go, and stopped without losing a key.

`python -m sandbox.demo.cutover` plays the script and judges it, on the stage of the other demo.
What is expected is in `fleet.py`; `verdict.py` compares it with what was measured.
"""
