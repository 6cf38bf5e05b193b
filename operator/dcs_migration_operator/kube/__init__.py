"""The Kubernetes side: wishes come in through the watch, what DCS says goes out as status.

Only `watch.py` imports kopf, and only `api.py` and `watch.py` make HTTP sessions of aiohttp.
"""
