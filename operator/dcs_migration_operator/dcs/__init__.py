"""The cloud side: one typed, blocking method per DCS verb, and its use from asyncio in threads.

Only `auth.py` and `ambient.py` import huaweicloudsdkcore, only `trust.py` imports certifi, and only
`transport.py` imports requests and urllib3. No module here knows Kubernetes, and only `threads.py`
uses asyncio. Answers are returned as frozen core values; errors are those of `core.errors`.
"""

import sys
from types import ModuleType
from typing import Final

_USER_AGENT: Final = "huaweicloudsdkcore.http.user_agent"


def _say_less_of_this_machine() -> None:
    """Replace a module of the SDK before any of the SDK is imported.

    The original collects operating system, kernel and processor, keeps a random installation id in
    `~/.huaweicloud`, and sends them to the services that provide ambient credentials.
    """
    module = ModuleType(_USER_AGENT, "Replaces the SDK's own module.")
    vars(module)["user_agent_string"] = "dcs-migration-operator"
    sys.modules.setdefault(_USER_AGENT, module)


_say_less_of_this_machine()
