"""What the phone refuses to do, in words for the worker: what happened, and what to do. Chinese first.

WorkError
├── SignInError      wrong password, first sign-in without network, signed out
├── ServerError      the server answered with a problem; `code` is the server's own
│   └── Unreachable  it did not answer
├── FieldError       a field is missing or out of bounds
├── NotReady         the office's data (settings, lists) has not arrived yet
├── ProofRefused     a check point is not proved
├── OutOfOrder       a delivery's step before its turn
├── DeliveryBlocked  the customer's record is incomplete, or a check failed
└── PhotoRefused     not a picture
"""

# ruff: noqa: N818 - named for what a worker meets, as they read in an except line

from typing import Any


class WorkError(Exception):
    """`code` is stable; the sentences are shown as they are; `facts` are for a screen that draws them."""

    def __init__(self, code: str, zh: str, en: str, *, action_zh: str = "", action_en: str = "", **facts: Any) -> None:
        super().__init__(f"{zh} ({en})")
        self.code = code
        self.zh = zh
        self.en = en
        self.action_zh = action_zh
        self.action_en = action_en
        self.facts = facts


class SignInError(WorkError):
    pass


class ServerError(WorkError):
    """`status` is HTTP's; 0 when there was no answer."""

    def __init__(
        self, status: int, code: str, zh: str, en: str, *, action_zh: str = "", action_en: str = "", **facts: Any
    ) -> None:
        super().__init__(code, zh, en, action_zh=action_zh, action_en=action_en, **facts)
        self.status = status


class Unreachable(ServerError):
    def __init__(self, why: str) -> None:
        super().__init__(
            0,
            "network.unreachable",
            "现在连不上服务器",
            "The server cannot be reached now",
            action_zh="继续工作，记录都存在手机里，有网后自动上传",
            action_en="go on working; everything is kept on the phone and sent when the network is back",
            why=why,
        )


class FieldError(WorkError):
    pass


class NotReady(WorkError):
    pass


class ProofRefused(WorkError):
    pass


class OutOfOrder(WorkError):
    pass


class DeliveryBlocked(WorkError):
    pass


class PhotoRefused(WorkError):
    pass
