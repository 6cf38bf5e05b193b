"""The engine: compares the desired with the observed state, and chooses the next poll and stop.

It knows neither Kubernetes nor HTTP; it reaches both through small protocols (`ports.py`). All of
it runs in one event loop; only `dcs/threads.py` uses threads.
"""
