"""The cloud side: one typed method per DCS verb, blocking, for use in pool threads.

Only `client.py` imports requests; only `auth.py` and `ambient.py` import huaweicloudsdkcore.
Nothing here knows Kubernetes or asyncio; answers leave as frozen core values, errors as
`core.errors`.
"""
