"""The Kubernetes side: reads resources through a watch and writes their status.

Only `watch.py` imports kopf, and only `api.py` and `watch.py` open aiohttp sessions.
"""
