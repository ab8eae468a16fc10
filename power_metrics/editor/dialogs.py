"""Small windows over the editor: a line to type, a question, the keys."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

BOX = """
{name} {{ align: center middle; }}
{name} > Vertical, {name} > VerticalScroll {{
    width: 72; max-width: 95%; height: auto; max-height: 95%; padding: 1 2; background: $surface; border: round $accent;
}}
"""


class LinePrompt(ModalScreen[str | None]):
    """Asks for a line of text; None when the user goes back.

    Args:
        question: what is asked.
        value: what the line begins with.
    """

    CSS = BOX.format(name="LinePrompt")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back")]

    def __init__(self, question: str, value: str = ""):
        super().__init__()
        self._question, self._value = question, value

    def compose(self) -> ComposeResult:
        """The question, the line, and how to go on."""
        yield Vertical(
            Static(Text(self._question)), Input(self._value), Static(Text("enter: go on   escape: back", style="dim"))
        )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hands back what was typed."""
        self.dismiss(event.value.strip() or None)


class Question(ModalScreen[bool]):
    """A question that y answers with yes; n and escape with no.

    Args:
        question: what is asked.
    """

    CSS = BOX.format(name="Question")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "yes"),
        Binding("n", "dismiss(False)", "no"),
        Binding("escape", "dismiss(False)", "no"),
    ]

    def __init__(self, question: str):
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """The question and its answers."""
        yield Vertical(Static(Text(self._question)), Static(Text("y: yes   n: no", style="dim")))


class Help(ModalScreen[None]):
    """A page of text, until a key is pressed.

    Args:
        text: the page.
    """

    CSS = BOX.format(name="Help")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, "dismiss(None)", "back") for key in ("escape", "enter", "q", "question_mark")
    ]

    def __init__(self, text: str):
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """The page, which scrolls where the window is small."""
        yield VerticalScroll(Static(Text(self._text)))
