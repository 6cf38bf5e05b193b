"""The engine: what is wished, what DCS said, what to ask and to order next.

It knows neither Kubernetes nor kopf; what it needs from above comes as small protocols. Everything
here runs in one event loop; only `bridge.py` crosses into threads.
"""
