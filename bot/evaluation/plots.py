"""Pictures of what `threadlore eval` measured, as SVG. The only module that draws; it needs the extra `plots`.

The same figures give the same picture, byte for byte. On a page the ink is `currentColor`, so that it is dark on light
and light on dark; in a file of its own it is dark on white.
"""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bot.evaluation.engine_trace import Row, Run
from bot.evaluation.published import FALSELY_AT_MOST, NOMIRACL, REFUSE_AT_LEAST

INK = "#010203"
"""Stands for whatever the page writes with."""
COLOURS = ("#3b7dd8", "#d9822b", "#2f9e68", "#b5489a", "#8a6fd1", "#1d9aa8", "#c94f4f", "#8c8c3a")
SHAPES = {"GPT-4": "*", "GPT-3.5": "P", "Mistral-7B": "s", "Mixtral": "D", "Llama-2-70B": "^"}
LONGEST_NAME = 28
COLUMNS = 3
STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "threadlore", "text.parse_math": False, "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"], "font.size": 9, "axes.titlesize": 9, "legend.fontsize": 8,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    "figure.facecolor": "none", "axes.facecolor": "none", "legend.frameon": False, "axes.spines.top": False,
    "axes.spines.right": False, "figure.constrained_layout.use": True, "path.simplify": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: what it shows, in a sentence, and its SVG element."""

    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure of every set: bars, intervals, and marks to hold them against. None: there is no such mark."""

    title: str
    bars: Sequence[Sequence[float]]
    """One list a series, each with a value for every set."""
    spreads: Sequence[Sequence[float] | None] = ()
    goals: Sequence[float | None] = ()
    published: Sequence[float | None] = ()
    low: float | None = 0.0
    high: float | None = 1.0


def bars(caption: str, names: Sequence[str], panels: Sequence[Panel], series: Sequence[str] = ("",)) -> Picture:
    """Small pictures side by side, one a figure, each with a row of bars for every set."""

    def draw(figure: Figure) -> None:
        rows = -(-len(panels) // COLUMNS)
        figure.set_size_inches(9.5, rows * (0.75 + 0.2 * max(len(names), 2) * (1 + 0.4 * len(series))))
        axes = figure.subplots(rows, COLUMNS, sharey=True, squeeze=False).flatten().tolist()
        for ax, panel in zip(axes, panels, strict=False):
            _panel(ax, panel, series)
            ax.set_yticks(range(len(names)), [_short(name) for name in names])
            ax.set_ylim(len(names) - 0.4, -0.6)
        for ax in axes[len(panels) :]:
            ax.set_visible(False)
        handles, labels = _legend(axes)
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))

    return Picture(caption, drawn(draw))


def _panel(ax: Axes, panel: Panel, series: Sequence[str]) -> None:
    thick = 0.7 / len(series)
    for number, (label, values) in enumerate(zip(series, panel.bars, strict=True)):
        places = [row + (number - (len(series) - 1) / 2) * thick for row in range(len(values))]
        ax.barh(places, values, thick, color=COLOURS[number], label=label or "_")
    for row, spread in enumerate(panel.spreads):
        if spread:
            ax.plot(spread, [row, row], color=INK, lw=1, marker="|", ms=4)
    for marks, style, label in ((panel.goals, "-", "goal"), (panel.published, ":", "published")):
        for row, mark in enumerate(marks):
            if mark is not None:
                ax.plot([mark, mark], [row - 0.45, row + 0.45], style, color=COLOURS[6], label=label)
    ax.set_xlim(panel.low, panel.high)
    ax.locator_params(axis="x", nbins=5)
    ax.axvline(0, color=INK, lw=0.6)
    ax.set_title(panel.title)


def _legend(axes: Sequence[Axes]) -> tuple[list[Any], list[str]]:
    found = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    return list(found.values()), list(found)


def curves(entries: Sequence[Mapping[str, Any]], *, on_page: bool = True) -> Picture:
    """Refused against falsely refused, for every set, with what is published of others on NoMIRACL."""

    def draw(figure: Figure) -> None:
        figure.set_size_inches(8, 5.2)
        ax = figure.subplots()
        ax.add_patch(Rectangle((0, REFUSE_AT_LEAST), FALSELY_AT_MOST, 1 - REFUSE_AT_LEAST, color=COLOURS[2], alpha=0.15,
                               lw=0, label="goal"))  # fmt: skip
        for number, entry in enumerate(entries):
            _curve(ax, entry, COLOURS[number % len(COLOURS)], "--" if number >= len(COLOURS) else "-")
        for one in NOMIRACL:
            face = INK if one.language == "en" else "none"
            label = f"{one.name} ({one.language})"
            ax.plot(
                one.falsely_refused, one.refused, SHAPES[one.name], color=INK, mfc=face, ms=6, label=label, zorder=3
            )
        ax.set(xlim=(-0.01, 1), ylim=(0, 1.01), xlabel="falsely refused, of questions that can be answered",
               ylabel="refused, of questions that cannot")  # fmt: skip
        figure.legend(loc="outside right upper")

    return Picture(
        "Refused against falsely refused, for every threshold; a dot marks the point of the settings, the shaded "
        "corner the goal. Single marks are language models on NoMIRACL, as published: filled English, hollow Chinese.",
        drawn(draw, on_page=on_page),
    )


def _curve(ax: Axes, entry: Mapping[str, Any], colour: str, line: str) -> None:
    points = [(point["falsely_refused"], point["refused"]) for point in entry.get("curve", ())]
    ax.plot(*zip((0.0, 0.0), *sorted(points), strict=True), line, color=colour, lw=1.4, label=_short(entry["name"]))
    ax.plot(entry["falsely_refused"], entry["refused"], "o", color=colour, ms=7, mec=INK, zorder=4)


def lanes(run: Run) -> Picture:
    """One run of the engine: a row for each question, in order of arrival; below, what each step held. On white."""

    def draw(figure: Figure) -> None:
        figure.set_size_inches(9.5, 2.6 + 0.19 * len(run.rows))
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(0.19 * len(run.rows) + 0.4, 1.3))
        for place, row in enumerate(run.rows):
            _lane(above, place, row)
        named = [f"{place + 1} (sequence {row.sequence + 1})" for place, row in enumerate(run.rows)]
        above.set_yticks(range(len(run.rows)), named)
        above.set(ylim=(len(run.rows) - 0.4, -0.6), title="questions, in order of arrival")
        edges = [one.began for one in run.steps] + [one.ended for one in run.steps[-1:]]
        read = [one.read for one in run.steps]
        both = [one.read + one.written for one in run.steps]
        if run.steps:
            below.stairs(read, edges, fill=True, color=COLOURS[0], label="read of prompts")
            below.stairs(both, edges, baseline=read, fill=True, color=COLOURS[1], label="written")
        below.set(xlabel="seconds", ylabel="tokens in a step", xlim=(0, None), ylim=(0, None))
        handles, labels = _legend([above, below])
        figure.legend(handles, labels, loc="outside lower center", ncols=max(len(labels), 1))

    return Picture(
        "Questions over time: each waits (line), is read part by part (blue) and answered token by token (orange).",
        drawn(draw, on_page=False),
    )


def _lane(ax: Axes, place: int, row: Row) -> None:
    if row.admitted is not None:
        ax.plot([row.taken, row.admitted], [place, place], color=INK, lw=0.8, label="waits")
    spans = [(one.began, one.ended - one.began) for one in row.reads]
    ax.broken_barh(spans, (place - 0.35, 0.7), color=COLOURS[0], ec="white", lw=0.4, label="_")
    marks: tuple[tuple[Sequence[float], str, str, str], ...] = (
        (row.wrote, "|", COLOURS[1], "a token"),
        (row.preempted, "x", COLOURS[6], "gives its place up"),
        ([] if row.left is None else [row.left], ".", COLOURS[2], "finished"),
    )
    for times, shape, colour, label in marks:
        if times:
            ax.plot(times, [place] * len(times), shape, color=colour, label=label)


def drawn(draw: Callable[[Figure], None], *, on_page: bool = True) -> str:
    """What a function draws, as one SVG element."""
    file = StringIO()
    with (
        warnings.catch_warnings(),
        mpl.rc_context(STYLE),
    ):  # a name in a script that the font lacks is drawn by the page
        warnings.simplefilter("ignore", UserWarning)
        figure = Figure()
        draw(figure)
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    used = set(re.findall(r'#([\w.-]+)[")]', svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", svg)
    if on_page:
        return svg.replace(INK, "currentColor")
    return svg.replace(INK, "#222222").replace(
        "<defs>", '<rect width="100%" height="100%" fill="#ffffff"/>\n <defs>', 1
    )


def _short(name: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in name)
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1] + "…"
