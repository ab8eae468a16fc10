"""What `solve_task` returns: a solution that knows its model, and so has a table and a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from power_metrics.results.shown import Shown
from power_metrics.solvers.solution import Solution
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP

if TYPE_CHECKING:
    import pandas

NOTHING = "-"
"""The action of a state in which nothing follows."""


class TaskSolution(Shown, Solution):
    """Optimal values of a model's own task: a `Solution` with B = 1, a table and a picture.

    Attributes:
        model: with S states.
        gamma: the discount.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> found = pm.solve_task(TabularMDP.from_transitions(moves, initial="a", reward=[0.0, 1.0, 0.0]), gamma=0.5)
        >>> found
        TaskSolution(2 states, gamma=0.5; 1 from the start, Bellman residual 0.0e+00)
        >>> found.to_frame()["action"].tolist()
        ['go', 'stay']
    """

    model: TabularMDP
    gamma: float

    def part(self, rows: slice) -> Solution:
        """See `Solution.part`."""
        return Solution(*self).part(rows)

    def to_frame(self) -> pandas.DataFrame:
        """A row for each state: its value, and an action that is optimal in it ("-" in terminal states)."""
        import pandas

        names = [label_text(label) for label in self.model.action_labels]
        ends = self.model.terminal.tolist()
        chosen = [NOTHING if end else names[a] for a, end in zip(self.policy[0].tolist(), ends, strict=True)]
        states = pandas.Index([label_text(label) for label in self.model.state_labels], name="state")
        return pandas.DataFrame({"value": self.values[0], "action": chosen}, index=states)

    def __repr__(self) -> str:
        start = float(self.model.initial @ self.values[0])
        return (
            f"TaskSolution({self.model.num_states:,} states, gamma={self.gamma:g}; {start:.6g} from the start, Bellman "
            f"residual {self.residual[0]:.1e})"
        )


def task_solution(solution: Solution, model: TabularMDP, gamma: float) -> TaskSolution:
    """A solution as that of this model's task."""
    made = TaskSolution(*solution)
    made.model, made.gamma = model, gamma
    return made
