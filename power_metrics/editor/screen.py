"""The editor's screen: keys in, edits of an `EditedWorld`, and its POWER, computed aside while keys go on working."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.geometry import Region, Size, Spacing
from textual.message import Message
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Static

from power_metrics.editor.dialogs import Help, LinePrompt, Question
from power_metrics.editor.keys import help_text, key_lines
from power_metrics.editor.live import CellPower, LivePower, cell_power
from power_metrics.editor.paint import View, cell_text, grid_line, scale_text
from powerenvs.authoring.level import WALL, Cell
from powerenvs.authoring.moves import DIRECTIONS
from powerenvs.worlds.power.edited_content import GLYPHS
from powerenvs.worlds.power.editing import EditedWorld

QUIET = 0.08
"""Seconds without an edit before POWER is computed."""
GAMMAS = (0.01, *(round(0.05 * i, 2) for i in range(1, 20)), 0.99)
NOISES = tuple(round(0.05 * i, 2) for i in range(21))
FITS = 9
"""Grids of up to this many rows and columns begin with large cells."""
PREPARING = "preparing the solvers; the first time on a machine they are compiled, about 20 s. You can edit meanwhile."


class Grid(ScrollView, can_focus=False):  # so that the cursor keys are the screen's
    """The picture of the world, which scrolls with the cursor."""

    view: View | None = None

    class Clicked(Message):
        """The mouse chose a cell."""

        def __init__(self, cell: Cell):
            super().__init__()
            self.cell = cell

    def show(self, view: View) -> None:
        """Shows a view, scrolled so that its cursor is in the window."""
        self.view = view
        lines, columns = view.size
        self.virtual_size = Size(columns, lines)
        line, column = view.corner(view.cursor)
        height, width = view.cell_size
        self.scroll_to_region(Region(column, line, width, height), spacing=Spacing.all(1), animate=False)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of the window."""
        if self.view is None:
            return Strip.blank(self.size.width)
        left, top = self.scroll_offset
        strip = Strip(grid_line(self.view, top + y))
        return strip.crop_extend(left, left + self.size.width, None).apply_style(self.rich_style)

    def on_click(self, event: events.Click) -> None:
        """Moves the cursor to a cell."""
        left, top = self.scroll_offset
        cell = None if self.view is None else self.view.cell_at(top + event.y, left + event.x)
        if cell is not None:
            self.post_message(self.Clicked(cell))


class EditorScreen(Screen[None]):
    """The editor.

    Args:
        world: what to begin with.
        title: what to call it.
        path: where its text is saved; None where it has no file yet.
        gamma: discount.
        live: how POWER is estimated.

    Attributes:
        world: as edited.
        saved: as last saved or opened.
        gamma: the discount.
        power: the latest heat map; None where there is none of this size.
        result: what it was made from.
        message: the last line of news.
        error: why the world has no POWER now, in the library's words; "" if it has.
    """

    DEFAULT_CSS = """
    #title { height: 1; background: $primary; color: $text; }
    Grid { width: 1fr; height: 1fr; scrollbar-size: 1 1; }
    #panel { width: 28; height: 1fr; padding: 0 0 0 1; }
    #scale { height: 1; }
    #message { height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(name, f"go('{name}')", show=False) for name in ("up", "down", "left", "right")),
        Binding("space", "space", show=False),
        Binding("s", "draw('S')", show=False),
        Binding("g", "draw('G')", show=False),
        Binding("x", "transition", show=False),
        Binding("escape", "leave", show=False),
        Binding("h", "place('human')", show=False),
        Binding("a", "place('ai')", show=False),
        Binding("tab", "other_agent", show=False),
        Binding("r", "resize('row', 1)", show=False),
        Binding("R", "resize('row', -1)", show=False),
        Binding("c", "resize('column', 1)", show=False),
        Binding("C", "resize('column', -1)", show=False),
        Binding("plus,equals_sign", "gamma(1)", show=False),
        Binding("minus", "gamma(-1)", show=False),
        Binding("right_square_bracket", "noise(1)", show=False),
        Binding("left_square_bracket", "noise(-1)", show=False),
        Binding("u,ctrl+z", "history('undo')", show=False),
        Binding("U,ctrl+y", "history('redo')", show=False),
        Binding("z", "zoom", show=False),
        Binding("ctrl+s", "save", show=False),
        Binding("ctrl+o", "open", show=False),
        Binding("question_mark", "help", show=False),
        Binding("q,ctrl+q", "app.quit", show=False),
    ]

    def __init__(self, world: EditedWorld, title: str, path: Path | None, gamma: float, live: LivePower):
        super().__init__()
        self.gamma, self.live = gamma, live
        self.power: CellPower | None = None
        self.result: Any = None
        self.message, self.error = PREPARING, ""
        self._busy = self._prepared = self._choosing = False
        self._done: tuple[EditedWorld, float] | None = None
        self._begin(world, title, path)

    def _begin(self, world: EditedWorld, title: str, path: Path | None) -> None:
        """Another world from here on."""
        self.world = self.saved = world
        self.name_of_world, self.path = title, path
        self.cursor: Cell = (0, 0)
        self.agent = world.agents[0] if world.pair else None
        self.large = max(world.shape) <= FITS

    @property
    def unsaved(self) -> bool:
        """Whether there is something to lose."""
        return self.world != self.saved

    @property
    def up_to_date(self) -> bool:
        """Whether the heat map, or the reason why there is none, is that of the world and the discount shown."""
        return self._done == (self.world, self.gamma)

    def compose(self) -> ComposeResult:
        """Title, grid and panel, scale, message."""
        yield Static(id="title")
        yield Horizontal(Grid(), Static(id="panel"))
        yield Static(id="scale")
        yield Static(id="message")

    def on_mount(self) -> None:
        """Shows the world and begins to compute."""
        self._changed()

    def on_grid_clicked(self, event: Grid.Clicked) -> None:
        """The mouse moves the cursor."""
        self.cursor, self._choosing = event.cell, False
        self._show()

    # What is on the screen

    def view(self) -> View:
        """What the grid shows."""
        same_size = self.power is not None and self.power.mean.shape == self.world.shape
        return View(self.world, self.power if same_size else None, not self.error, self.cursor, self.large, self.agent)

    def _show(self) -> None:
        view = self.view()
        self.query_one(Grid).show(view)
        whose = f"POWER of {self.agent}, " if self.agent else "POWER, "
        state = "" if self.up_to_date else "  updating"
        kind = "pairs of reward functions" if self.world.pair else "reward functions"
        title = f" {self.name_of_world}{' *' if self.unsaved else ''}   {whose}{self.live.num_samples:,} {kind}{state}"
        self.query_one("#title", Static).update(Text(title, no_wrap=True, overflow="ellipsis"))
        self.query_one("#scale", Static).update(scale_text(view))
        self.query_one("#panel", Static).update(self._panel(view))
        news = Text("\n" if self.message else "").join([Text(self.message), Text(self.error, style="bold red")])
        self.query_one("#message", Static).update(news)

    def _panel(self, view: View) -> Text:
        try:
            actions = self.world.actions(self.cursor, self.agent)
        except ValueError:  # the message says what is wrong with the level
            actions = None
        text = cell_text(view, actions)
        text.append(f"gamma {self.gamma:<6g}- +\nnoise {self.world.noise:<6g}[ ]\n")
        if self.world.beyond_text:
            text.append("saves text and .npz model\n", style="italic")
        return text.append("\n").append(key_lines(self.world.pair), style="dim")

    def _say(self, message: str) -> None:
        self.message = message
        self._show()

    # POWER, computed aside

    def _changed(self, message: str | None = None) -> None:
        """After anything that changes POWER."""
        if message is not None:
            self.message = message
        if not self._busy and not self.up_to_date:
            self._busy = True
            self.run_worker(self._keep_up(), group="power")
        self._show()

    async def _keep_up(self) -> None:
        """Computes until nothing has changed meanwhile; only the latest world counts."""
        if not self._prepared:
            await asyncio.to_thread(self.live.warm_up, self.world.pair)
            self._prepared = True
            self.message = "" if self.message == PREPARING else self.message
        while not self.up_to_date:
            wanted, agent = (self.world, self.gamma), self.agent
            await asyncio.sleep(QUIET)
            if (self.world, self.gamma) != wanted:
                continue
            try:
                result, power = await asyncio.to_thread(self._solved, *wanted, agent)
            except (ValueError, RuntimeError, MemoryError) as error:  # whatever it is, no edit may be lost to it
                result, power, failure = None, None, " ".join(str(error).split()) or type(error).__name__
            else:
                failure = ""
            if (self.world, self.gamma) != wanted:
                continue
            self._done, self.error = wanted, failure
            if result is not None:
                self.result = result
                self.power = power if agent == self.agent else cell_power(wanted[0], result, self.agent)
        self._busy = False
        self._show()

    def _solved(self, world: EditedWorld, gamma: float, agent: str | None) -> tuple[Any, CellPower]:
        result = self.live.estimate(world, gamma)
        return result, cell_power(world, result, agent)

    # Edits

    def _edit(self, make: Callable[[EditedWorld], EditedWorld], message: str) -> None:
        """Makes an edit, or says why it cannot be made."""
        self._choosing = False
        try:
            self.world = make(self.world)
        except ValueError as error:
            self._say(str(error))
            return
        rows, columns = self.world.shape
        self.cursor = (min(self.cursor[0], rows - 1), min(self.cursor[1], columns - 1))
        self._changed(message)

    def action_go(self, direction: str) -> None:
        """Moves the cursor; after x, takes out or puts back a transition."""
        if self._choosing:
            self._toggle(direction)
            return
        (r, c), (dr, dc), (rows, columns) = self.cursor, DIRECTIONS[direction], self.world.shape
        self.cursor = (min(max(r + dr, 0), rows - 1), min(max(c + dc, 0), columns - 1))
        self._show()

    def action_space(self) -> None:
        """A wall where there is none, and floor where there is one; after x, the transition "stay"."""
        if self._choosing:
            self._toggle("stay")
        else:
            self.action_draw("." if self.world.rows[self.cursor[0]][self.cursor[1]] == WALL else WALL)

    def action_draw(self, glyph: str) -> None:
        """Draws a glyph; the same one again becomes floor."""
        if glyph == self.world.rows[self.cursor[0]][self.cursor[1]]:
            glyph = "."
        self._edit(lambda world: world.draw(self.cursor, glyph), f"{GLYPHS[glyph]} in {self.cursor}")

    def action_transition(self) -> None:
        """Waits for the direction of a transition."""
        self._choosing = True
        whose = f" of {self.agent}" if self.agent else ""
        self._say(f"which action{whose} in {self.cursor}? An arrow, or space for stay, takes it out or puts it back")

    def action_leave(self) -> None:
        """Gives up choosing a transition."""
        self._choosing = False
        self._say("")

    def _toggle(self, action: str) -> None:
        gone = any((e.cell, e.action, e.agent) == (self.cursor, action, self.agent) for e in self.world.removed)
        if gone:
            self._edit(lambda w: w.restore(self.cursor, action, self.agent), f"{action} is back in {self.cursor}")
        else:
            news = f"{action} removed in {self.cursor}; saving writes the model too, as text cannot hold this"
            self._edit(lambda w: w.remove(self.cursor, action, self.agent), news)

    def action_place(self, agent: str) -> None:
        """Puts an agent of two in the cell; again, anywhere."""
        again = self.world.places.get(agent) == self.cursor
        place = None if again else self.cursor
        news = f"{agent} starts anywhere that the level lets it" if again else f"{agent} starts in {self.cursor}"
        self._edit(lambda world: world.place(agent, place), news)

    def action_other_agent(self) -> None:
        """Shows the other agent's POWER."""
        if self.agent is None:
            self._say("one agent lives here; powerenvs edit --pair is for two")
            return
        self.agent = next(name for name in self.world.agents if name != self.agent)
        if self._done is not None and self.result is not None and not self.error:
            self.power = cell_power(self._done[0], self.result, self.agent)
        self._say(f"POWER of {self.agent}")

    def action_resize(self, what: str, change: int) -> None:
        """A row or a column more, behind the cursor, or less, the cursor's."""
        at = self.cursor[what == "column"]
        if change > 0:
            self._edit(lambda w: getattr(w, f"add_{what}")(at + 1), f"{what} {at + 1} added")
        else:
            self._edit(lambda w: getattr(w, f"remove_{what}")(at), f"{what} {at} removed")

    def action_gamma(self, step: int) -> None:
        """The next discount up or down."""
        self.gamma = _next(GAMMAS, self.gamma, step)
        self._changed(f"gamma {self.gamma:g}")

    def action_noise(self, step: int) -> None:
        """The next noise up or down."""
        noise = _next(NOISES, self.world.noise, step)
        self._edit(lambda world: world.with_noise(noise), f"noise {noise:g}")

    def action_history(self, way: str) -> None:
        """Takes back an edit, or makes it again."""
        possible = self.world.can_undo if way == "undo" else self.world.can_redo
        self._edit(lambda world: getattr(world, way)(), way if possible else f"nothing to {way}")

    def action_zoom(self) -> None:
        """Large cells or small ones."""
        self.large = not self.large
        self._show()

    def action_help(self) -> None:
        """All keys."""
        self.app.push_screen(Help(help_text(self.world.pair)))

    # Files

    def action_save(self) -> None:
        """Asks where to, and saves."""
        self.app.push_screen(LinePrompt("Save the level text as", str(self.path or "level.txt")), self._save_as)

    def _save_as(self, name: str | None) -> None:
        if name is None:
            return
        path = Path(name).expanduser()
        path = path if path.suffix else path.with_suffix(".txt")
        if path.exists() and path != self.path:
            self.app.push_screen(Question(f"{path} exists. Replace it?"), lambda yes: self._save(path) if yes else None)
        else:
            self._save(path)

    def _save(self, path: Path) -> None:
        try:
            written = self.world.save(path)
        except (OSError, ValueError) as error:
            self._say(f"not saved: {error}")
            return
        self.saved, self.path, self.name_of_world = self.world, path, path.name
        news = [f"wrote {' and '.join(map(str, written))}"]
        if self.world.beyond_text:
            news.append("removed transitions and places are in the model only")
        if self.world.noise:
            news.append(f"noise {self.world.noise:g} is not in the text: it is an argument of the world")
        self._say("; ".join(news))

    def action_open(self) -> None:
        """Asks for a level, after asking about what would be lost."""
        if self.unsaved:
            self.app.push_screen(Question("There are unsaved edits. Open another level all the same?"), self._ask)
        else:
            self._ask(True)

    def _ask(self, really: bool | None) -> None:
        if really:
            self.app.push_screen(LinePrompt("Open a level by name, or a .txt or .npz file"), self._open)

    def _open(self, given: str | None) -> None:
        if given is None:
            return
        old = self.world
        try:
            world, path = open_world(given, noise=old.noise, walls=old.walls, pair=old.pair, overlaps=old.overlaps)
        except (OSError, ValueError) as error:
            self._say(f"not opened: {error}")
            return
        if self.world.pair != world.pair:
            self._prepared = False
        self._begin(world, given if path is None else path.name, path)
        self.power = self.result = self._done = None
        self._changed(f"opened {given}")


def open_world(given: str, **settings: Any) -> tuple[EditedWorld, Path | None]:
    """The world of a level's name or text, or of a file; and where its text is saved, where that is a file.

    Raises:
        ValueError: if it is none.
        OSError: if the file cannot be read.
    """
    if given.endswith((".txt", ".npz")):
        path = Path(given).expanduser()
        return EditedWorld.load(path, **settings), path.with_suffix(".txt")
    return EditedWorld(given, **settings), None


def _next(steps: tuple[float, ...], value: float, step: int) -> float:
    """The nearest of the steps above (1) or below (-1) a value; the value itself at the ends."""
    beyond = [s for s in steps if (s - value) * step > 1e-9]
    return value if not beyond else min(beyond) if step > 0 else max(beyond)
