"""What Discord refuses in the body of a message: each limit with the words of its 50035."""

from collections.abc import Iterator
from typing import Any

from tests.fakes.discord.errors import bad_form, refused

CONTENT, EMBEDS, ALL_EMBEDS, NONCE, ROWS, COMPONENTS, V2_TEXT = 2_000, 10, 6_000, 25, 5, 40, 4_000
IS_COMPONENTS_V2 = 1 << 15
_ROW, _BUTTON, _TEXT_DISPLAY, _LINK_STYLE, _PREMIUM_STYLE = 1, 2, 10, 5, 6
_SELECTS = frozenset({3, 5, 6, 7, 8})
_BUTTONS_IN_ROW, _OPTIONS, _FIELDS = 5, 25, 25
_EMBED_TEXTS = (("title", 256), ("description", 4_096), ("footer.text", 2_048), ("author.name", 256))
_COMPONENT_TEXTS = (("label", 80), ("custom_id", 100), ("placeholder", 150), ("url", 512))

Problem = tuple[str, tuple[str, str]]


def check(body: dict[str, Any]) -> None:
    """Raises 50035 for the first limits passed, 50006 for a message with nothing in it."""
    problems = dict(_problems(body))
    if problems:
        raise bad_form(problems)
    said = ("content", "embeds", "components", "attachments", "sticker_ids", "sticker_items", "poll")
    is_forward = (body.get("message_reference") or {}).get("type") == 1
    if not is_forward and not any(body.get(key) for key in said):
        raise refused(50006)


def _problems(body: dict[str, Any]) -> Iterator[Problem]:
    yield from _longest("content", body.get("content") or "", CONTENT)
    yield from _longest("nonce", str(body.get("nonce") or ""), NONCE)
    embeds, components = body.get("embeds") or [], body.get("components") or []
    yield from _longest("embeds", embeds, EMBEDS)
    for number, embed in enumerate(embeds):
        yield from _embed(f"embeds.{number}", embed)
    if sum(map(_size, embeds)) > ALL_EMBEDS:
        yield "embeds", ("MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {ALL_EMBEDS}")
    if (body.get("flags") or 0) & IS_COMPONENTS_V2:
        yield from _second_version(body, components)
    else:
        yield from _longest("components", components, ROWS)
        for number, row in enumerate(components):
            if row.get("type") != _ROW:
                yield f"components.{number}.type", ("UNION_TYPE_CHOICES", 'Value of field "type" must be one of (1,).')
    yield from _components(components)


def _embed(path: str, embed: dict[str, Any]) -> Iterator[Problem]:
    for name, most in _EMBED_TEXTS:
        yield from _longest(f"{path}.{name}", _inner(embed, name), most)
    fields = embed.get("fields") or []
    yield from _longest(f"{path}.fields", fields, _FIELDS)
    for number, field in enumerate(fields):
        for key, most in (("name", 256), ("value", 1_024)):
            if not str(field.get(key, "")).strip():
                yield f"{path}.fields.{number}.{key}", ("BASE_TYPE_REQUIRED", "This field is required")
            yield from _longest(f"{path}.fields.{number}.{key}", field.get(key, ""), most)


def _second_version(body: dict[str, Any], components: list[dict[str, Any]]) -> Iterator[Problem]:
    for key in ("content", "embeds", "poll", "sticker_ids"):
        if body.get(key):
            words = f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
            yield key, ("MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", words)
    every = list(_walk("components", components))
    if len(every) > COMPONENTS:
        yield "components", ("COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", f"Must be {COMPONENTS} or fewer in length.")
    if sum(len(part.get("content", "")) for _, part in every if part.get("type") == _TEXT_DISPLAY) > V2_TEXT:
        yield "components", ("COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", f"Text exceeds maximum size of {V2_TEXT}")


def _components(components: list[dict[str, Any]]) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, part in _walk("components", components):
        for name, most in _COMPONENT_TEXTS:
            yield from _longest(f"{path}.{name}", part.get(name) or "", most)
        if part.get("type") == _ROW:
            yield from _row(path, part.get("components") or [])
        if part.get("type") == _BUTTON:
            yield from _button(path, part)
        if part.get("type") in _SELECTS:
            yield from _longest(f"{path}.options", part.get("options") or [], _OPTIONS)
            for number, option in enumerate(part.get("options") or []):
                for key in ("label", "value", "description"):
                    yield from _longest(f"{path}.options.{number}.{key}", option.get(key) or "", 100)
        custom_id = part.get("custom_id")
        if custom_id in seen:
            words = "Component custom id cannot be duplicated"
            yield f"{path}.custom_id", ("COMPONENT_CUSTOM_ID_DUPLICATED", words)
        if custom_id:
            seen.add(custom_id)


def _row(path: str, parts: list[dict[str, Any]]) -> Iterator[Problem]:
    if not 1 <= len(parts) <= _BUTTONS_IN_ROW:
        words = f"Must be between 1 and {_BUTTONS_IN_ROW} in length."
        yield f"{path}.components", ("BASE_TYPE_BAD_LENGTH", words)
    if len(parts) > 1 and any(part.get("type") in _SELECTS for part in parts):
        yield f"{path}.components", ("COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the max width")


def _button(path: str, button: dict[str, Any]) -> Iterator[Problem]:
    style = button.get("style")
    needed = "url" if style == _LINK_STYLE else "sku_id" if style == _PREMIUM_STYLE else "custom_id"
    if not button.get(needed):
        yield f"{path}.{needed}", ("BASE_TYPE_REQUIRED", "This field is required")
    if style != _PREMIUM_STYLE and not (button.get("label") or button.get("emoji")):
        yield f"{path}.label", ("BUTTON_COMPONENT_INVALID_LABEL", "A button needs a label or an emoji")


def _walk(path: str, components: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every component with its path, those inside others too."""
    for number, part in enumerate(components):
        here = f"{path}.{number}"
        yield here, part
        yield from _walk(f"{here}.components", part.get("components") or [])
        if isinstance(part.get("accessory"), dict):
            yield f"{here}.accessory", part["accessory"]


def _longest(path: str, value: Any, most: int) -> Iterator[Problem]:
    if len(value) > most:
        yield path, ("BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")


def _size(embed: dict[str, Any]) -> int:
    texts = [_inner(embed, name) for name, _ in _EMBED_TEXTS]
    texts += [field.get(key, "") for field in embed.get("fields") or [] for key in ("name", "value")]
    return sum(len(text.strip()) for text in texts)


def _inner(embed: dict[str, Any], name: str) -> str:
    """A text by its dotted name; "" where there is none."""
    value: Any = embed
    for key in name.split("."):
        value = (value or {}).get(key)
    return value or ""
