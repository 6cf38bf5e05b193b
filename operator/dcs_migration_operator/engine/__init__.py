"""The engine: compares what is wished with what DCS says; chooses the next poll and the next stop.

It knows neither Kubernetes nor HTTP; what it needs from above comes as small protocols
(`ports.py`). Everything here runs in one event loop; only `dcs/threads.py` crosses into threads.
"""
