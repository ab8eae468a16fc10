"""Graph files in POWERplay's form, and what models say by the text of their labels."""

from __future__ import annotations

import numpy as np

from powerenvs import TabularGame

CHAIN = """
strict digraph  {
"[dry]";  // a pond over the year
"[wait]__[dry]";
"[dry]__[wait]__[dry]";
"[wet]__[wait]__[dry]";
"[wet]";
"[drain]__[wet]";
"[dry]__[drain]__[wet]";
"[wait]__[wet]";
"[wet]__[wait]__[wet]";
"[dry]" -> "[wait]__[dry]";
"[wait]__[dry]" -> "[dry]__[wait]__[dry]"  [weight="0.75"];
"[wait]__[dry]" -> "[wet]__[wait]__[dry]"  [weight=0.25];
"[wet]" -> "[drain]__[wet]";
"[wet]" -> "[wait]__[wet]";
"[drain]__[wet]" -> "[dry]__[drain]__[wet]"  [weight="1.0"];
"[wait]__[wet]" -> "[wet]__[wait]__[wet]"  [weight=1];
}
"""

DUEL = """
strict digraph {
"[x_H^x_A]" -> "[go_H^go_A]__[x_H^x_A]";
"[go_H^go_A]__[x_H^x_A]" -> "[y_H^y_A]__[go_H^go_A]__[x_H^x_A]" [weight="0.5"];
"[go_H^go_A]__[x_H^x_A]" -> "[x_H^x_A]__[go_H^go_A]__[x_H^x_A]" [weight="0.5"];
"[x_H^x_A]" -> "[wait_H^wait_A]__[x_H^x_A]";
"[wait_H^wait_A]__[x_H^x_A]" -> "[x_H^x_A]__[wait_H^wait_A]__[x_H^x_A]" [weight="1.0"];
"[y_H^y_A]" -> "[wait_H^go_A]__[y_H^y_A]";
"[wait_H^go_A]__[y_H^y_A]" -> "[x_H^x_A]__[wait_H^go_A]__[y_H^y_A]" [weight="1.0"];
}
"""

SIGNALS = """
digraph "traffic light" {
"red"; "green"; "amber";
"red" -> "green" -> "amber" -> "red";
"red" -> "red";
}
"""


def entries(model):
    """{(state, action, next state): (probability, reward, performance)} by the text of labels."""

    def text(label):
        return tuple(map(str, label)) if joint or hasattr(label, "_fields") else str(label)

    joint = isinstance(model, TabularGame)
    count = model.num_joint_actions if joint else model.num_actions
    found = {}
    for row in range(model.num_rows):
        s, a = divmod(row, count)
        if joint:
            taken = tuple(
                str(model.action_labels[g][i]) for g, i in zip(model.agents, model.joint_actions[a], strict=True)
            )
        else:
            taken = str(model.action_labels[a])
        for e in range(model.indptr[row], model.indptr[row + 1]):
            key = text(model.state_labels[s]), taken, text(model.state_labels[model.successor[e]])
            found[key] = (
                model.probability[e],
                *np.atleast_1d(model.reward[..., e]),
                *np.atleast_1d(model.performance[..., e]),
            )
    return found


def states(model):
    """{state: (start probability, terminal)} by the text of labels."""
    joint = isinstance(model, TabularGame)
    names = [tuple(map(str, label)) if joint else str(label) for label in model.state_labels]
    return dict(zip(names, zip(model.initial.tolist(), model.terminal.tolist(), strict=True), strict=True))
