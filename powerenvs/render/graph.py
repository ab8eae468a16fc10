"""Pictures of worlds without a board: where the agent is, and where each action leads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.styles import FLOOR, RGB
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.render.font import HEIGHT, WIDTH, text_mask
from powerenvs.render.tiles import INK

HERE: RGB = (34, 98, 196)
LEADS: RGB = (214, 224, 242)
ENDS: RGB = (206, 206, 200)
MAX_LINES = 16
MAX_CHARACTERS = 24
_SCALE = 2
_LETTER = (WIDTH + 1) * _SCALE
_LINE = HEIGHT * _SCALE + 22
_MARGIN = 16


def render_state(mdp: TabularMDP, state: int) -> NDArray[np.uint8]:
    """The state in a box, and to its right a line for each transition: action, probability, next state.

    All pictures of one model have one size. More than 16 transitions are cut off with a note.

    Returns:
        (height, width, 3) uint8.
    """
    labels = [_short(label_text(label)) for label in mdp.state_labels]
    actions = [_short(label_text(label)) for label in mdp.action_labels]
    box = max(map(len, labels)) * _LETTER + 16
    wording = max(map(len, actions)) * _LETTER + len(" 0.999") * _LETTER
    A = mdp.num_actions
    counts = np.diff(mdp.indptr[::A])
    lines = min(int(counts.max()), MAX_LINES) + bool(counts.max() > MAX_LINES)
    image = np.empty((lines * _LINE + _MARGIN, 2 * box + wording + 4 * _MARGIN, 3), dtype=np.uint8)
    image[:] = FLOOR
    middle = len(image) // 2
    fork, arrive = box + 2 * _MARGIN, box + wording + 3 * _MARGIN
    _box(image, middle, _MARGIN, box, labels[state], HERE, (255, 255, 255))
    image[middle : middle + 2, box + _MARGIN : fork] = INK
    first, last = int(mdp.indptr[state * A]), int(mdp.indptr[(state + 1) * A])
    rows = np.repeat(np.arange(A), np.diff(mdp.indptr[state * A : (state + 1) * A + 1]))
    shown = min(last - first, MAX_LINES)
    top = middle - (shown + (last - first > shown)) * _LINE // 2 + _LINE // 2
    for i in range(shown):
        y, successor, probability = top + i * _LINE, int(mdp.successor[first + i]), float(mdp.probability[first + i])
        words = actions[rows[i]] + ("" if probability == 1 else f" {probability:.3f}")
        image[min(y, middle) : max(y, middle) + 2, fork : fork + 2] = INK
        image[y : y + 2, fork : arrive - 8] = INK
        for step in range(8):
            image[y - step // 2 : y + 2 + step // 2, arrive - step - 1] = INK
        _text(image, y - 9, fork + 10, words, INK)
        _box(image, y, arrive, box, labels[successor], ENDS if mdp.terminal[successor] else LEADS, INK)
    if last - first > shown:
        _text(image, top + shown * _LINE, fork + 10, f"and {last - first - shown} more", INK)
    return image


def _short(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 2] + ".."


def _box(image: NDArray[np.uint8], middle: int, left: int, width: int, text: str, fill: RGB, ink: RGB) -> None:
    image[middle - 14 : middle + 16, left : left + width] = INK
    image[middle - 12 : middle + 14, left + 2 : left + width - 2] = fill
    _text(image, middle + 1, left + (width - len(text) * _LETTER + _SCALE) // 2, text, ink)


def _text(image: NDArray[np.uint8], middle: int, left: int, text: str, ink: RGB) -> None:
    """Writes a line of text, its middle at this row."""
    mask = text_mask(text, _SCALE)
    top = middle - mask.shape[0] // 2
    image[top : top + mask.shape[0], left : left + mask.shape[1]][mask] = ink
