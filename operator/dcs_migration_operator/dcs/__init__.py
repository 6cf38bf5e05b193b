"""The cloud side: one typed method per DCS verb, blocking, for use in pool threads.

Only `client.py` imports requests and only `auth.py` imports huaweicloudsdkcore. Nothing here knows
Kubernetes or asyncio; answers leave as frozen core values, errors as `core.errors`.
"""
