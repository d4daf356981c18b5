"""What the phone refuses to do, in words for the worker: what happened, and what to do. Chinese first.

WorkError
├── SignInError      wrong password, first sign-in without network, signed out
├── ServerError      the server answered with a problem; `code` is the server's own
│   └── Unreachable  it did not answer
├── FieldError       a field is missing or out of bounds
├── StoreProblem     the phone's files: no key, another key, no space, damaged
├── NotReady         the office's data (settings, lists) has not arrived yet
├── ProofRefused     a check point is not proved
├── OutOfOrder       a delivery's step before its turn
├── VoiceRefused     nothing was recorded, or too much
├── FillingBlocked   the gun stays locked
├── DeliveryBlocked  the customer's record is incomplete, or a check failed
└── PhotoRefused     not a picture
"""

# ruff: noqa: N818 - named for what a worker meets, as they read in an except line

from typing import Any

from sync.errors import StoreError


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


class FillingBlocked(WorkError):
    pass


class PhotoRefused(WorkError):
    pass


class VoiceRefused(WorkError):
    pass


class StoreProblem(WorkError):
    """The phone's own files cannot be used; what was told to be saved is in them."""


_KEEP_THE_APP = (
    "不要卸载应用，记录都还在；请管理员把这部手机的钥匙放回原处",
    "do not remove the app, the records are all there; have this phone's key put back",
)
_STORE_PROBLEMS = {
    "no_key": (
        "手机里的记录是加密的，钥匙不见了，现在打不开",
        "The records on this phone are sealed, and their key is missing",
        *_KEEP_THE_APP,
    ),
    "wrong_key": (
        "手机里的记录是用另一把钥匙加密的，现在打不开",
        "The records on this phone are sealed with another key",
        *_KEEP_THE_APP,
    ),
    "disk_full": (
        "手机存储空间满了，这一步没有存上",
        "The phone's storage is full: this step was not saved",
        "腾出一些空间，再存一次；以前存的都在",
        "free some space and save again; what was saved before is there",
    ),
    "damaged": (
        "手机里的数据文件损坏了",
        "The data file on this phone is damaged",
        "不要卸载应用，马上联系管理员",
        "do not remove the app; call an administrator now",
    ),
    "newer_version": (
        "数据是新版应用写的，这个版本打不开",
        "The data were written by a newer version of the app",
        "请更新应用",
        "update the app",
    ),
}
_OTHER_STORE_PROBLEM = (
    "手机存储出错，这一步没有做成",
    "The phone's storage failed at this step",
    "再试一次；还不行请联系管理员，不要卸载应用",
    "try again; if it stays, call an administrator and do not remove the app",
)


def store_problem(error: StoreError) -> StoreProblem:
    """In words for the worker."""
    zh, en, action_zh, action_en = _STORE_PROBLEMS.get(error.error, _OTHER_STORE_PROBLEM)
    return StoreProblem(f"store.{error.error}", zh, en, action_zh=action_zh, action_en=action_en, why=error.reason)
