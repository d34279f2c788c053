"""What a LoRA adapter may be called. No I/O."""

import re

MODEL_ALONE = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}", re.ASCII)


def is_adapter_name(text: str) -> bool:
    """People type it in a chat, and `default` there is the model alone."""
    return _NAME.fullmatch(text) is not None and text != MODEL_ALONE


def with_adapter(model: str, adapter: str) -> str:
    """What answered, by name."""
    return f"{model}+{adapter}" if adapter else model
