"""The error catalog: every refusal of the simulated cloud, as one table.

Codes starting with `DCS.` come from the service, those with `APIGW.` from the gateway in front of
it. Codes and HTTP statuses are the documented ones; where it is not documented which code applies,
the comment says that it was chosen. Texts are for people: no client may depend on them, except
that the gateway names its limit and window in the text of a 429.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row: the HTTP status, the code, and a text with placeholders."""

    status: int
    code: str
    text: str


BAD_SIGNATURE = ErrorKind(401, "APIGW.0301", "Incorrect IAM authentication information: {0}")
NO_SUCH_API = ErrorKind(
    404, "APIGW.0101", "The API does not exist or has not been published in the environment"
)
# 400, 413 and 414 share this code; 413 is the one for a body over the limit of the gateway.
BODY_TOO_LARGE = ErrorKind(413, "APIGW.0201", "Request entity too large")
THROTTLED = ErrorKind(
    429,
    "APIGW.0308",
    "The throttling threshold has been reached: policy user over ratelimit,limit:{0},time:{1}",
)
PROJECT_UNAVAILABLE = ErrorKind(403, "APIGW.0310", "The project is unavailable.")
GATEWAY_BROKEN = {
    500: ErrorKind(500, "DCS.5000", "Internal service error."),
    502: ErrorKind(502, "APIGW.0201", "Backend unavailable"),
    503: ErrorKind(503, "APIGW.0201", "Backend unavailable"),
    504: ErrorKind(504, "APIGW.0202", "Backend timeout"),
}

WRONG_PROJECT = ErrorKind(401, "DCS.1004", "The project id does not match the token.")
POLICY_DENIES = ErrorKind(403, "DCS.2007", "Policy doesn't allow {0} to be performed.")
BAD_PROJECT_ID = ErrorKind(400, "DCS.4002", "Invalid project id format.")
EMPTY_BODY = ErrorKind(400, "DCS.4004", "The request body is empty.")
NOT_JSON = ErrorKind(400, "DCS.4005", "The request body is not in JSON format.")
# Chosen for `limit`, `offset`, an empty batch and one of more than 50 ids: the documented row says
# "invalid parameter {0}" without naming the calls, and the code for long batches is unknown.
BAD_PARAMETER = ErrorKind(400, "DCS.4063", "Invalid parameter: {0}.")
BAD_TASK_ID = ErrorKind(400, "DCS.4070", "Invalid task id format.")
BAD_TASK_ID_IN_BATCH = ErrorKind(400, "DCS.4855", "invalid migration task id in the request.")
TASK_NOT_FOUND = ErrorKind(400, "DCS.4133", "The instance job does not exist.")
WRONG_STATE = ErrorKind(
    400, "DCS.4957", "This operation is not allowed in the current state of the task."
)

TEXTS: Final[Mapping[str, str]] = {
    "DCS.4017": "A job of this instance is running. Try again later.",
    "DCS.4026": "This operation is not allowed in the current state of the instance.",
    "DCS.4049": "The instance is not running.",
    "DCS.4096": "The instance is being backed up. Try again later.",
    "DCS.4104": "The instance is recovering from a fault. Try again later.",
    "DCS.4133": TASK_NOT_FOUND.text,
    "DCS.4855": BAD_TASK_ID_IN_BATCH.text,
    "DCS.4957": WRONG_STATE.text,
}
"""Texts for codes that only a fault or a spec uses, in the style of the documented ones."""


class Refusal(Exception):
    """Raised if a call is refused as a whole; becomes the HTTP answer.

    Attributes: `status` is the HTTP status, `code` and `message` go into the body.
    """

    def __init__(self, kind: ErrorKind, *details: object) -> None:
        self.status = kind.status
        self.code = kind.code
        self.message = kind.text.format(*details)
        super().__init__(f"{self.status} {self.code}")
