"""The cloud side: one typed method per DCS verb, blocking, for use in threads.

Only `auth.py` and `ambient.py` import huaweicloudsdkcore, only `trust.py` certifi; HTTP is that of
the standard library. Nothing here knows Kubernetes or asyncio; answers leave as frozen core values,
errors as `core.errors`.
"""

import sys
from types import ModuleType
from typing import Final

_USER_AGENT: Final = "huaweicloudsdkcore.http.user_agent"


def _say_less_of_this_machine() -> None:
    """Stand in for a module of the SDK before anything of the SDK is imported.

    It asks for operating system, kernel and processor, and keeps a random id of the installation in
    `~/.huaweicloud`, to tell them to the services that ambient credentials come from.
    """
    module = ModuleType(_USER_AGENT, "In the place of the SDK's own.")
    vars(module)["user_agent_string"] = "dcs-migration-operator"
    sys.modules.setdefault(_USER_AGENT, module)


_say_less_of_this_machine()
