"""Signs requests; the only module that uses the signer of huaweicloudsdkcore.

The scheme is SDK-HMAC-SHA256 with the time in `X-Sdk-Date`; temporary keys also send their token in
the signed header `X-Security-Token`. The gateway refuses a clock that is off by over 15 minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dcs_migration_operator.core.model import Account, Credentials

USER_AGENT = "dcs-migration-operator"


class _SignerKeys:
    """The two attributes that the SDK's signer reads."""

    def __init__(self, credentials: Credentials) -> None:
        self.ak = credentials.access_key
        self.sk = credentials.secret_key


def sign(
    account: Account,
    *,
    method: str,
    host: str,
    path: str,
    query: Sequence[tuple[str, str]],
    body: bytes,
    moment: datetime,
) -> tuple[str, dict[str, str]]:
    """Return the path with its query, as signed, and the headers to send.

    `moment` is UTC. It is a parameter because the SDK's own default uses a call that is deprecated
    in Python 3.12.
    """
    headers = {
        "Content-Type": "application/json;charset=utf-8",
        "Host": host,
        "User-Agent": USER_AGENT,
        "X-Project-Id": account.project_id,
        "X-Sdk-Date": moment.strftime("%Y%m%dT%H%M%SZ"),
    }
    if account.credentials.security_token:
        headers["X-Security-Token"] = account.credentials.security_token
    request = SdkRequest(
        method=method,
        host=host,
        resource_path=path,
        query_params=list(query),
        header_params=headers,
        body=body,
    )
    signed = Signer(_SignerKeys(account.credentials)).sign(request)
    return str(signed.uri), dict(signed.header_params)
