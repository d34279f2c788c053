"""Draws docs/abstention.svg from what `threadlore eval abstention --data DIR… --json` prints.

.venv/bin/threadlore eval abstention --data DIR… --json > measured.json
.venv/bin/python tools/draw_abstention.py measured.json
"""

import json
import sys
from pathlib import Path

from bot.evaluation.plots import curves

PICTURE = Path(__file__).parents[1] / "docs" / "abstention.svg"


def main(measured: Path) -> None:
    """Draws the document in this file."""
    entries = json.loads(measured.read_text(encoding="utf-8"))["sets"]
    PICTURE.write_text(curves(entries, on_page=False).svg, encoding="utf-8")
    print(PICTURE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
