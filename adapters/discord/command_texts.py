"""The words of the commands in English and in both kinds of Chinese. This file performs no I/O.

Discord shows each person the language of their own client. What we are sent is always the English name.
"""

from collections.abc import Mapping
from typing import NamedTuple

ASK_ABOUT = "Ask about this message"
"""What stands in the menu of a message."""


class Words(NamedTuple):
    """One name or sentence in the three languages. Units: a name has 32 characters at most, a sentence 100."""

    english: str
    simplified: str
    traditional: str


NAMES = (
    Words(ASK_ABOUT, "就这条消息提问", "針對這則訊息提問"),
    # commands
    Words("ask", "提问", "提問"),
    Words("summary", "总结", "總結"),
    Words("forget-me", "忘记我", "忘記我"),
    Words("remember-me", "记住我", "記住我"),
    Words("lore-reset", "lore-重置", "lore-重設"),
    Words("lore-help", "lore-帮助", "lore-說明"),
    Words("lore", "lore", "lore"),
    Words("reindex", "重新学习", "重新學習"),
    Words("status", "状态", "狀態"),
    Words("cancel", "取消", "取消"),
    Words("forget", "忘记", "忘記"),
    Words("config", "设置", "設定"),
    Words("gaps", "缺口", "缺口"),
    # options
    Words("question", "问题", "問題"),
    Words("private", "私密", "私密"),
    Words("since", "起始", "起始"),
    Words("channel", "频道", "頻道"),
    Words("full", "全部", "全部"),
    Words("job", "任务", "任務"),
    Words("person", "成员", "成員"),
    Words("message", "消息", "訊息"),
    Words("key", "设置项", "設定項目"),
    Words("value", "值", "值"),
    # settings of a channel
    Words("bot", "机器人", "機器人"),
    Words("threads", "子区", "討論串"),
    Words("replies", "回复", "回覆"),
    Words("sources", "来源", "來源"),
    Words("language", "语言", "語言"),
    Words("model", "模型", "模型"),
    Words("keep", "保留天数", "保留天數"),
)

_SINCE = Words(
    "When to begin, in UTC: 2026-05-01, yesterday, monday, 3 days or last week",
    "从何时开始（UTC）：2026-05-01、yesterday、monday、3 days 或 last week",
    "從何時開始（UTC）：2026-05-01、yesterday、monday、3 days 或 last week",
)
_PRIVATE = Words("Show it to you alone", "只让你自己看到", "只讓你自己看到")

DESCRIPTIONS: Mapping[str, Words] = {
    ASK_ABOUT: Words(
        "Answers what a message asks, to you alone",
        "回答这条消息提出的问题，只让你自己看到",
        "回答這則訊息提出的問題，只讓你自己看到",
    ),
    "ask": Words(
        "Answers a question from what was written here, and cites it",
        "根据这里写过的内容回答问题，并注明出处",
        "根據這裡寫過的內容回答問題，並註明出處",
    ),
    "ask question": Words("What you would like to know", "你想知道什么", "你想知道什麼"),
    "ask private": _PRIVATE,
    "summary": Words(
        "Sums up this channel or thread, or another one",
        "总结本频道或子区，或另一个频道",
        "總結這個頻道或討論串，或另一個頻道",
    ),
    "summary since": _SINCE,
    "summary channel": Words(
        "The channel or thread to sum up, if not this one",
        "要总结的频道或子区，默认为这里",
        "要總結的頻道或討論串，預設為這裡",
    ),
    "summary private": _PRIVATE,
    "forget-me": Words(
        "Erases what you wrote; from now on I keep nothing of yours",
        "删除你写过的内容；此后不再保留你的任何内容",
        "刪除你寫過的內容；此後不再保留你的任何內容",
    ),
    "remember-me": Words("Lets me keep what you write again", "允许我重新保留你写的内容", "允許我重新保留你寫的內容"),
    "lore-reset": Words("Forgets our conversation here", "忘记我们在这里的对话", "忘記我們在這裡的對話"),
    "lore-help": Words(
        "Shows what I can do, and who sees what", "显示我能做什么，以及谁能看到什么", "顯示我能做什麼，以及誰能看到什麼"
    ),
    "lore": Words("Manages what the bot knows", "管理机器人所知的内容", "管理機器人所知的內容"),
    "lore reindex": Words("Learns a channel again", "重新学习一个频道", "重新學習一個頻道"),
    "lore reindex channel": Words("The channel to learn again", "要重新学习的频道", "要重新學習的頻道"),
    "lore reindex since": _SINCE,
    "lore reindex full": Words(
        "Also what has not changed since last time", "连同上次以来没有变化的内容", "連同上次以來沒有變化的內容"
    ),
    "lore status": Words(
        "Shows channels, jobs and how far I am behind",
        "显示频道、任务以及我落后多少",
        "顯示頻道、任務以及我落後多少",
    ),
    "lore cancel": Words("Stops a job", "停止一个任务", "停止一個任務"),
    "lore cancel job": Words(
        "The number that /lore status shows", "/lore status 显示的编号", "/lore status 顯示的編號"
    ),
    "lore forget": Words(
        "Erases what I know of a channel, a person or a message: choose one of them",
        "删除我对某个频道、成员或消息的了解：三者选一",
        "刪除我對某個頻道、成員或訊息的了解：三者選一",
    ),
    "lore forget channel": Words("The channel to forget", "要忘记的频道", "要忘記的頻道"),
    "lore forget person": Words("The person to forget", "要忘记的成员", "要忘記的成員"),
    "lore forget message": Words("The link to the message to forget", "要忘记的消息的链接", "要忘記的訊息的連結"),
    "lore config": Words(
        "Shows a channel's settings, or changes one", "显示频道的设置，或更改其中一项", "顯示頻道的設定，或變更其中一項"
    ),
    "lore config channel": Words("The channel, if not this one", "频道，默认为本频道", "頻道，預設為這個頻道"),
    "lore config key": Words("The setting to change", "要更改的设置项", "要變更的設定項目"),
    "lore config value": Words(
        "Its new value, such as on, off, follow, strict, public, private, auto, zh or 90",
        "新的值，例如 on、off、follow、strict、public、private、auto、zh 或 90",
        "新的值，例如 on、off、follow、strict、public、private、auto、zh 或 90",
    ),
    "lore gaps": Words(
        "Lists the questions that I could not answer well", "列出我没能答好的问题", "列出我沒能答好的問題"
    ),
}
"""What each command and each of its options does, by their names."""

_CHINESE = {words.english: words for words in (*NAMES, *DESCRIPTIONS.values())}


def translated(english: str, locale: str) -> str | None:
    """The same words in the language of a client such as "zh-CN"; None where English is shown."""
    words = _CHINESE.get(english)
    if words is None:
        return None
    return {"zh-CN": words.simplified, "zh-TW": words.traditional}.get(locale)
