"""The table of published figures: which sweep each needs, which point of it, and how it is drawn."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from power_metrics.reproduction import published
from power_metrics.reproduction.published import Published
from power_metrics.results.multiagent import MultiagentPower

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from power_metrics.sweeps import SweepResult

EARLY = (
    "Their sweeps stop at a relative change of 1e-4, which leaves values too low: by about 1e-4 at γ = 0.6 and by up "
    "to 0.01 at 0.99, of rewards between 0 and 1. Ours are exact."
)
SAMPLED = "Other random numbers; otherwise the same."
LEAK = (
    "In their worlds without overlaps the seed policy puts mass on joint actions that were taken out, and what is "
    "missing counts as an end worth 0. Ours is spread over the actions that are left. " + EARLY
)

Draw = Callable[["SweepResult", Mapping[str, Any]], "Figure"]
Animate = Callable[["SweepResult", "os.PathLike[str]"], None]


@dataclass(frozen=True)
class PublishedFigure:
    """One figure.

    Attributes:
        name: such as "post1-fig2".
        title: what it shows.
        config: the sweep behind it, a YAML file of this package without its suffix.
        draw: makes it from the sweep's result and ``point``; None for an animation.
        point: the swept values of the point that it shows; empty for all points.
        animate: writes it from the sweep's result, where it is an animation.
        numbers: what was published of it in numbers.
        differs: what is different in ours, and why.
    """

    name: str
    title: str
    config: str
    draw: Draw | None = field(default=None, repr=False)
    point: Mapping[str, Any] = field(default_factory=dict)
    animate: Animate | None = field(default=None, repr=False)
    numbers: tuple[Published, ...] = field(default=(), repr=False)
    differs: str = SAMPLED

    @property
    def post(self) -> int:
        """1, 2 or 3."""
        return int(self.name[4])


def _one(result: SweepResult, point: Mapping[str, Any]) -> Any:
    (found,) = result.select(**point)
    return found.result


def _heat_map(result: SweepResult, point: Mapping[str, Any]) -> Figure:
    from power_metrics.plots import plot_power

    return plot_power(_one(result, point))


def _title(found: MultiagentPower, agent: str) -> str:
    from power_metrics.plots.style import agent_title

    return f"POWER of the {agent_title(agent)}, γ = {found[agent].gamma:g}, reward correlation {found.correlation:g}"


def _agent(agent: str) -> Draw:
    def draw(result: SweepResult, point: Mapping[str, Any]) -> Figure:
        from power_metrics.plots import plot_joint_power

        found = _one(result, point)
        return plot_joint_power(found[agent], title=_title(found, agent))

    return draw


def _agent_everywhere(agent: str) -> Draw:
    def draw(result: SweepResult, point: Mapping[str, Any]) -> Figure:
        from power_metrics.reproduction.boards import plot_every_place

        found = _one(result, point)
        return plot_every_place(found[agent], _title(found, agent))

    return draw


def _alignment(result: SweepResult, point: Mapping[str, Any]) -> Figure:
    from power_metrics.plots import plot_alignment

    return plot_alignment(_one(result, point))


def _reward_pairs(result: SweepResult, point: Mapping[str, Any]) -> Figure:
    from power_metrics.plots import plot_reward_correlation
    from power_metrics.rewards.text import parse_distribution

    (found,) = result.select(**point)
    return plot_reward_correlation(
        parse_distribution(found.settings["reward"]),
        point["correlation"],
        num_samples=256,
        seed=found.settings["seed"],
        agents=("human", "AI"),
    )


def _film(parameter: str, label: str) -> Animate:
    def write(result: SweepResult, path: os.PathLike[str]) -> None:
        from power_metrics.plots import animate

        points = result.points
        animate([one.result for one in points], [one.values[parameter] for one in points], label, path)

    return write


def _curve(result: SweepResult, point: Mapping[str, Any]) -> Figure:
    from power_metrics.plots import plot_correlation_sweep

    return plot_correlation_sweep(one.result for one in result.points if isinstance(one.result, MultiagentPower))


def _first_post() -> list[PublishedFigure]:
    maze, face, far = "post1-maze-7x7", "post1-robot-face", {"gamma": 0.99}
    return [
        PublishedFigure(
            "post1-fig1", "POWER on an open 3×3 grid, γ = 0.6", "post1-open-3x3", _heat_map, {"gamma": 0.6},
            numbers=published.OPEN_3X3, differs=EARLY,
        ),
        PublishedFigure("post1-fig2", "POWER on a 7×7 maze, γ = 0.01", maze, _heat_map, {"gamma": 0.01}),
        PublishedFigure("post1-fig3", "POWER on a 7×7 maze, γ = 0.99", maze, _heat_map, far, differs=EARLY),
        PublishedFigure(
            "post1-fig4", "POWER on a 7×7 maze, γ from 0.01 to 0.99", maze, animate=_film("gamma", "γ"), differs=EARLY
        ),
        PublishedFigure("post1-fig5", "POWER on a robot face, γ = 0.1", face, _heat_map, {"gamma": 0.1}),
        PublishedFigure("post1-fig6", "POWER on a robot face, γ = 0.99", face, _heat_map, far, differs=EARLY),
    ]  # fmt: skip


def _second_post() -> list[PublishedFigure]:
    config = "post2-open-3x3"
    equal, independent = {"correlation": 1.0}, {"correlation": 0.0}
    film = _film("correlation", "reward correlation")

    def at(name: str, title: str, draw: Draw, point: Mapping[str, Any], *numbers: Published) -> PublishedFigure:
        title = f"{title}, reward correlation {point['correlation']:g}"
        differs = SAMPLED if draw is _reward_pairs else EARLY
        return PublishedFigure(name, title, config, draw, point, numbers=numbers, differs=differs)

    return [
        at("post2-fig1", "Rewards of both agents", _reward_pairs, equal),
        at("post2-fig2", "POWER of the human", _agent("human"), equal, published.PAIR_EQUAL[0]),
        at("post2-fig3", "POWER of the AI", _agent("ai"), equal, published.PAIR_EQUAL[1]),
        at("post2-fig4", "Alignment", _alignment, equal, published.PAIR_EQUAL[2]),
        at("post2-fig5", "Rewards of both agents", _reward_pairs, independent),
        at("post2-fig6", "POWER of the human", _agent("human"), independent, *published.PAIR_INDEPENDENT[::3]),
        at("post2-fig7", "POWER of the AI", _agent("ai"), independent, *published.PAIR_INDEPENDENT[1::3]),
        at("post2-fig8", "Alignment", _alignment, independent, published.PAIR_INDEPENDENT[2]),
        PublishedFigure(
            "post2-fig9", "Alignment, reward correlation 0 to 1", config, animate=film,
            numbers=published.ALIGNMENT_CURVE, differs=EARLY,
        ),
        PublishedFigure(
            "post2-fig10", "POWER and alignment against reward correlation", config, _curve,
            numbers=published.ALIGNMENT_CURVE, differs=EARLY,
        ),
    ]  # fmt: skip


def _third_post() -> list[PublishedFigure]:
    found = []
    for names, overlaps, gamma in (
        (("2", "3", "4"), True, 0.1),
        (("5", "6", "7"), False, 0.1),
        (("8a", "8b", "9"), True, 0.99),
        (("10a", "10b", "11"), False, 0.99),
    ):
        first = overlaps and gamma == 0.1  # numbers are known for these only
        numbers = [(number,) if first else () for number in published.MAZE_PAIR]
        where = f"two agents in a 7×7 maze, {'overlaps' if overlaps else 'no overlaps'}, γ = {gamma:g}"
        for name, what, draw, known in zip(
            names,
            ("POWER of the human", "POWER of the AI", "Alignment"),
            (_agent_everywhere("human"), _agent_everywhere("ai"), _alignment),
            numbers,
            strict=True,
        ):
            found.append(
                PublishedFigure(
                    f"post3-fig{name}",
                    f"{what}, {where}",
                    f"post3-maze-7x7-{'overlaps' if overlaps else 'no-overlaps'}",
                    draw,
                    {"gamma": gamma},
                    numbers=known,
                    differs=EARLY if overlaps else LEAK,
                )
            )
    return found


FIGURES: Mapping[str, PublishedFigure] = {
    figure.name: figure for figure in [*_first_post(), *_second_post(), *_third_post()]
}
"""{name: figure} of all figures but 3-1, which is 1-2 again."""
