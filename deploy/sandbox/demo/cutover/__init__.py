"""The demo of cutovers: a wave of 60 is held, set to Go, and stopped without losing a key.

`python -m sandbox.demo.cutover` plays the script and judges it, on the stage of the other demo.
The expectations are in `fleet.py`; `verdict.py` compares them with the measurements.
"""
