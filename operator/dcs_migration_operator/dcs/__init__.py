"""The cloud side: one typed method per DCS verb, blocking, for use in threads.

Only `client.py` and `transport.py` import requests; only `auth.py` and `ambient.py` import
huaweicloudsdkcore. Nothing here knows Kubernetes or asyncio; answers leave as frozen core values,
errors as `core.errors`.
"""
