"""What a hub's refusal of one document means: try again, or park it and tell the worker why."""

# Not CouchDB's: it failed at this document every time (500), and took others.
HUB_FAILED = "hub_failed"

_TOO_LARGE = ("这条记录超过服务器允许的大小，未能上传。", "This record is larger than the server allows.")
_FORBIDDEN = ("服务器拒绝接收这条记录。", "The server refuses this record.")
_FAILED = ("服务器多次处理这条记录都出错，未能上传。", "The server failed at this record every time.")
_UNREADABLE = ("服务器无法识别这条记录。", "The server cannot read this record.")


def words_for(error: str, reason: str) -> dict[str, str]:
    """Sentences for the worker; the hub's own words stand in the English one."""
    zh, en = _UNREADABLE
    if error.endswith("too_large"):
        zh, en = _TOO_LARGE
    elif error in {"forbidden", "unauthorized"}:
        zh, en = _FORBIDDEN
    elif error == HUB_FAILED:
        zh, en = _FAILED
    return {
        "reason_zh": zh,
        "reason_en": f"{en} ({reason})" if reason else en,
        "action_zh": "记录完好保存在本机，请联系办公室，处理后点“重试”。",
        "action_en": "It is safe on this phone. Call the office, then tap Retry.",
    }
