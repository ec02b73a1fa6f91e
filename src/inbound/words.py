"""What the pages say, in English and Chinese."""

from collections.abc import Mapping

__all__ = ["LANGUAGES", "WORDS", "choose_language", "name_channel", "name_purpose"]

LANGUAGES = {"en": "English", "zh": "中文"}

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "leave_title": "Unsubscribe",
        "leave_ask": "Stop all messages from us on this channel?",
        "leave_channel": "Channel",
        "leave_button": "Unsubscribe",
        "choose_instead": "Choose what you get instead",
        "left_title": "You are unsubscribed",
        "left_text": "We will send you no more messages on this channel.",
        "late_text": "Your wish is kept. One message may have been on its way already.",
        "choose_title": "What may we send you?",
        "choose_text": "Take the mark away where you want no messages, then save.",
        "choose_none": "You get no messages from us.",
        "stopped": "stopped at your wish or for good; agree again in the shop",
        "save": "Save",
        "stop_all": "Stop everything",
        "saved_title": "Saved",
        "saved_text": "Your choice holds from now on.",
        "back": "Look at your choice",
        "bad_title": "This link does not work",
        "bad_text": "It is incomplete, too old, or not ours. Use the link of a newer message, "
        "or answer the message and ask to be taken off the list.",
        "wrong_title": "Nothing was changed",
        "wrong_text": "Something other than this page's button was sent. Go back and use it.",
    },
    "zh": {
        "leave_title": "退订",
        "leave_ask": "要停止通过此渠道接收我们的所有消息吗？",
        "leave_channel": "渠道",
        "leave_button": "退订",
        "choose_instead": "改为选择想接收的内容",
        "left_title": "您已退订",
        "left_text": "我们不会再通过此渠道向您发送消息。",
        "late_text": "您的选择已保存。可能有一条消息已在途中。",
        "choose_title": "我们可以向您发送什么？",
        "choose_text": "取消勾选不想接收的消息，然后保存。",
        "choose_none": "您目前不会收到我们的消息。",
        "stopped": "已按您的要求或永久停止；如需恢复，请在商店重新同意",
        "save": "保存",
        "stop_all": "全部停止",
        "saved_title": "已保存",
        "saved_text": "您的选择即刻生效。",
        "back": "查看您的选择",
        "bad_title": "此链接无效",
        "bad_text": "链接不完整、已过期或并非由我们发出。请使用较新消息中的链接，"
        "或直接回复消息要求退订。",
        "wrong_title": "未作任何更改",
        "wrong_text": "收到的并非此页面按钮的请求。请返回并使用按钮。",
    },
}

_CHANNELS = {
    "en": {"email": "E-mail", "sms": "Text messages", "push": "Notifications", "social": "Social"},
    "zh": {"email": "电子邮件", "sms": "短信", "push": "推送通知", "social": "社交媒体"},
}
_PURPOSES = {
    "en": {"marketing": "offers and news", "transactional": "about your orders"},
    "zh": {"marketing": "优惠与资讯", "transactional": "订单通知"},
}


def choose_language(wanted: str, header: str) -> str:
    """Choose the language of a page: what was asked for, else what the browser likes best.

    Examples
    --------
    >>> choose_language("", "de, zh-CN;q=0.8, en;q=0.5"), choose_language("", "")
    ('zh', 'en')
    """
    if wanted in LANGUAGES:
        return wanted
    ranked = sorted(map(_weight, header[:500].split(",")), key=lambda found: -found[1])
    known = [name for name, weight in ranked if name in LANGUAGES and weight > 0]
    return known[0] if known else "en"


def name_channel(channel: str, language: str) -> str:
    """Name a channel for people."""
    return _CHANNELS[language].get(channel, channel)


def name_purpose(purpose: str, language: str) -> str:
    """Name a purpose for people."""
    return _PURPOSES[language].get(purpose, purpose)


def _weight(part: str) -> tuple[str, float]:
    name, _, rest = part.strip().partition(";")
    value = rest.strip().removeprefix("q=")
    try:
        weight = float(value) if value else 1.0
    except ValueError:
        weight = 0.0
    return name.partition("-")[0].lower(), weight
