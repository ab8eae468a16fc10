"""Any agent as a table of action probabilities, one row for each state."""

from __future__ import annotations

import operator
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.joint_observations import among_random, game_of, joint_observations
from power_metrics.agents.observations import StateObservations, is_rllib, is_sb3, state_observations
from power_metrics.arguments.checks import as_float64, check_count, resolve_model
from powerenvs.model.checks import flag, real
from powerenvs.model.joint import agent_position
from powerenvs.model.labels import closest, label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import GIVEN_TOLERANCE

Floats = NDArray[np.float64]

KINDS = ("probabilities", "logits", "q", "counts")
TIES = 1e-14
"""Values are tied if they differ by at most this share of the largest in the row: some roundings."""


def policy_table(
    policy: Any,
    /,
    env: Any,
    *,
    agent: str | None = None,
    kind: str | None = None,
    deterministic: bool = False,
    epsilon: float = 0.0,
    temperature: float | None = None,
    num_samples: int | None = None,
    preprocess: Callable[[NDArray[Any]], Any] | None = None,
    batch_size: int = 4096,
    check: bool = True,
) -> Floats:
    """The action probabilities of an agent in every state.

    What is read depends on what the agent is:

    - PPO and A2C of Stable-Baselines3, MaskablePPO: the probabilities of its distribution (with the states' masks).
    - DQN, QRDQN: Q-values, the mean over quantiles. Greedy, or a softmax with ``temperature``.
    - an algorithm of RLlib, or the RLModule of one: the same two kinds, through the algorithm's connectors. Of an
      algorithm of several agents the module that ``agent`` has in training.
    - a `torch.nn.Module`: what it gives for a batch of observations, (n, A); ``kind`` says what that is.
    - a callable with ``kind``: the same, for a batch of observations as an array.
    - a callable: the action that it takes for one observation, asked ``num_samples`` times if it acts at random.
    - an array (S, A): itself, probabilities or what ``kind`` says.

    Networks see the observations of all states in batches, in evaluation mode and without gradients; their mode and
    the random generators are as before afterwards. Probability on actions that a state lacks is spread over those
    that it has, in proportion. Rows of terminal states are uniform: nothing depends on them. So are rows of states
    without counts.

    Args:
        policy: see above.
        env: the environment as the agent sees it, wrappers included: Gymnasium, vector, a `VecEnv` of
            Stable-Baselines3; or a `powerenvs.TabularMDP`, whose observation is the state's index, or what the
            environment showed that `powerenvs.compile_env` found it in. With ``agent``, one of PettingZoo around a
            game, parallel or AEC, or a `powerenvs.TabularGame`.
        agent: in a game, the name of the one whose policy it is.
        kind: what an array, a module or a callable gives: "probabilities", "logits", "q" or "counts". Not needed for
            modules that give a distribution, and for those of torchrl that name what they give. Of a tuple, as
            (logits, value), the one entry with a number for each action is taken.
        deterministic: the most probable action instead of the distribution; ties are split evenly.
        epsilon: probability of a uniform random action instead, as in ε-greedy behaviour.
        temperature: softmax of Q-values or logits divided by this. None: greedy for Q-values, 1 for logits.
        num_samples: for a callable that acts at random, how often to ask it in each state.
        preprocess: turns a batch of observations, (n, ...) as the environment gives them (a dictionary of arrays where
            they are dictionaries), into what a module or a callable with ``kind`` takes.
            By default arrays as tensors of the module's own type, and for Discrete
            observations int64.
        batch_size: observations in a batch.
        check: compare what wrappers show on a short walk with the table of observations.

    Returns:
        (S, A) float64; rows sum to 1 over available actions.

    Raises:
        ValueError: if no table can represent the agent (memory, stacked frames), if its observations or actions are
            not those of the environment, or an argument does not fit.

    Example:
        >>> import gymnasium as gym
        >>> import power_metrics as pm
        >>> env = gym.make("powerenvs:PowerGrid-v0", level="open_3x3")
        >>> table = pm.policy_table(lambda state: 1, env)
        >>> table.shape
        (9, 5)
        >>> env.unwrapped.mdp.action_labels[table[0].argmax()]
        'up'
    """
    _check_options(kind, epsilon, temperature, num_samples)
    batch_size = check_count("batch_size", batch_size)
    deterministic, check = flag("deterministic", deterministic), flag("check", check)
    if is_array(policy):
        mdp = _model(env, agent)
        scores, kind = as_float64("agent", policy, (mdp.state_labels, mdp.action_labels)), kind or "probabilities"
    else:
        observed = state_observations(env, check) if agent is None else joint_observations(env, agent, check)
        mdp = observed.mdp
        if is_sb3(policy):
            _refuse("Stable-Baselines3 models", kind=kind, num_samples=num_samples, preprocess=preprocess)
            from power_metrics.agents.sb3 import policy_scores

            scores, kind = policy_scores(policy, observed, batch_size)
        elif is_rllib(policy):
            _refuse("algorithms and modules of RLlib", kind=kind, num_samples=num_samples, preprocess=preprocess)
            from power_metrics.agents.rllib import policy_scores as rllib_scores

            scores, kind = rllib_scores(policy, observed, batch_size, check, agent)
        elif _is_torch(policy, "nn.Module"):
            _refuse("a torch module", num_samples=num_samples)
            scores, kind = _module_scores(policy, observed, kind, preprocess, batch_size)
        elif callable(policy) and kind is not None:
            _refuse("a callable with kind", num_samples=num_samples)
            scores, kind = _batched(
                lambda part: policy(part if preprocess is None else preprocess(part)), observed, batch_size, kind
            )
        elif callable(policy):
            _refuse("a callable without kind", preprocess=preprocess)
            scores, kind = _ask(policy, observed, num_samples), "counts"
        else:
            raise ValueError(
                "agent: expected a Stable-Baselines3 model, an RLlib algorithm or RLModule, a torch module, a callable "
                f"or an array (states, actions), found {type(policy).__name__}"
            )
    table = scores_to_policy(scores, mdp, kind, temperature)
    if deterministic:
        table = split_greedy(table, mdp.available)
    share = float(epsilon)
    return (1.0 - share) * table + share * uniform_policy(mdp) if share else table


def _model(env: Any, agent: str | None) -> TabularMDP:
    """The model whose states and actions a table has."""
    if agent is not None:
        game = game_of(env)
        if game is None:
            raise ValueError(f"agent: expected None for what has one agent, found {agent!r}")
        agent_position("agent", agent, game.agents)
        return among_random(game, agent)
    return env.mdp if isinstance(env, StateObservations) else resolve_model(env)


def is_array(agent: Any) -> bool:
    """Whether an agent is given as numbers, so that nothing has to be asked or observed."""
    return isinstance(agent, list | tuple) or hasattr(agent, "__array__")


def uniform_policy(mdp: TabularMDP) -> Floats:
    """(S, A) every available action with the same probability."""
    return mdp.available / mdp.available.sum(axis=1, keepdims=True)


def split_greedy(values: Floats, available: NDArray[np.bool_]) -> Floats:
    """(..., S, A) the available actions with the largest value, split evenly where several tie."""
    masked = np.where(available, values, -np.inf)
    top = masked.max(axis=-1, keepdims=True)
    scale = np.abs(np.where(available, values, 0.0)).max(axis=-1, keepdims=True)
    best = masked >= top - TIES * scale
    return best / best.sum(axis=-1, keepdims=True)


def scores_to_policy(scores: Floats, mdp: TabularMDP, kind: str, temperature: float | None = None) -> Floats:
    """Action probabilities from what an agent gives for each state.

    Args:
        scores: (S, A).
        mdp: the model.
        kind: "probabilities", "logits", "q" or "counts".
        temperature: as for `policy_table`.

    Raises:
        ValueError: for another shape, numbers that are no scores of this kind, and states in which nothing but
            unavailable actions has any probability.
    """
    if scores.shape != mdp.available.shape:
        raise ValueError(
            f"agent: expected {mdp.available.shape}, one row for each state with one number for each action, found "
            f"{scores.shape}"
        )
    live = ~mdp.terminal
    _check_scores(scores, mdp, kind, live)
    if temperature is not None and kind in ("probabilities", "counts"):
        raise ValueError(f"temperature: expected None for {kind}, found {temperature}")
    table = uniform_policy(mdp)
    available, scores = mdp.available[live], scores[live]
    if kind == "logits" or (kind == "q" and temperature is not None):
        table[live] = _softmax(scores / (1.0 if temperature is None else float(temperature)), available)
        return table
    if kind == "q":
        table[live] = split_greedy(scores, available)
        return table
    kept = np.where(available, scores, 0.0)
    total = kept.sum(axis=1, keepdims=True)
    empty = np.flatnonzero(total[:, 0] <= 0)
    if kind == "counts":
        empty = empty[scores[empty].sum(axis=1) > 0]  # states without counts are uniform, no error
    if empty.size:
        s = int(np.flatnonzero(live)[empty[0]])
        raise ValueError(
            f"agent: expected some probability on the available actions of state {s} "
            f"({label_text(mdp.state_labels[s])}), found all of it on actions that this state lacks; give the agent "
            "action masks, or make the world with "
            'walls="bump", where every action exists'
        )
    table[live] = np.divide(kept, total, out=table[live], where=total > 0)
    return table


def _softmax(logits: Floats, available: NDArray[np.bool_]) -> Floats:
    masked = np.where(available, logits, -np.inf)
    weights = np.exp(masked - masked.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _check_scores(scores: Floats, mdp: TabularMDP, kind: str, live: NDArray[np.bool_]) -> None:
    bad = ~np.isfinite(scores) & live[:, None] & mdp.available
    expected = "finite numbers"
    if kind in ("probabilities", "counts"):
        bad |= live[:, None] & ~(scores >= 0)
        expected = f"{kind} of at least 0"
    if np.any(bad):
        s, a = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"agent: expected {expected}, found {scores[s, a]} in state {s} ({label_text(mdp.state_labels[s])}), "
            f"action {a} ({label_text(mdp.action_labels[a])})"
            + ("" if kind != "probabilities" else '; kind="logits" takes any numbers')
        )
    total = scores.sum(axis=1)
    if kind == "probabilities" and np.any(live & (np.abs(total - 1.0) > GIVEN_TOLERANCE)):
        s = int(np.flatnonzero(live & (np.abs(total - 1.0) > GIVEN_TOLERANCE))[0])
        raise ValueError(
            f"agent: expected rows that sum to 1 (to {GIVEN_TOLERANCE}), found {total[s]} in state {s} "
            f'({label_text(mdp.state_labels[s])}); say kind="logits", "q" or "counts" if that is what they are'
        )


def _check_options(kind: str | None, epsilon: float, temperature: float | None, num_samples: int | None) -> None:
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind: unknown kind {kind!r}; {closest(kind, KINDS)}")
    if not 0.0 <= real(epsilon) <= 1.0:
        raise ValueError(f"epsilon: expected a probability in [0, 1], found {epsilon!r}")
    if temperature is not None and not 0 < real(temperature) < np.inf:
        raise ValueError(f"temperature: expected a number above 0, found {temperature!r}")
    if num_samples is not None:
        check_count("num_samples", num_samples)


def _refuse(what: str, **given: Any) -> None:
    """Raises a ValueError if an argument is given that means nothing for this agent."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name}: expected None for {what}, found {value!r}")


def _needed(kind: str | None) -> str:
    if kind is None:
        raise ValueError(
            'kind: expected "logits", "probabilities" or "q", what the torch module gives for each action; found None'
        )
    return kind


def _is_torch(value: Any, name: str) -> bool:
    """Whether something is a ``torch.Tensor`` or a ``torch.nn.Module``, told without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, operator.attrgetter(name)(torch))


def _module_scores(
    module: Any,
    observed: StateObservations,
    kind: str | None,
    preprocess: Callable[..., Any] | None,
    batch_size: int,
) -> tuple[Floats, str]:
    import torch

    from power_metrics.agents.torch import asked, evaluation

    floating = (p.dtype for p in module.parameters() if p.is_floating_point())
    dtype = torch.int64 if observed.discrete else next(floating, torch.get_default_dtype())

    def tensors(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: tensors(value) for name, value in part.items()}
        if isinstance(part, tuple):
            return tuple(map(tensors, part))
        return torch.as_tensor(part).to(device, dtype)

    def forward(part: Any) -> Any:
        return asked(module, tensors(part) if preprocess is None else preprocess(part))

    with evaluation(module) as device:
        if kind is None and not hasattr(module, "in_keys"):
            try:
                forward(observed.part(slice(0, 1)))
            except Exception:  # whatever it is: what is missing is the kind
                _needed(kind)
        return _batched(forward, observed, batch_size, kind)


def _batched(
    forward: Callable[[Any], Any], observed: StateObservations, batch_size: int, kind: str | None
) -> tuple[Floats, str]:
    """(S, A) what a function of a batch of observations gives, and of which kind that is."""
    S, A = observed.mdp.available.shape
    scores, told = np.empty((S, A)), kind
    for start in range(0, S, batch_size):
        count = min(batch_size, S - start)
        given = forward(observed.part(slice(start, start + count)))
        if isinstance(given, (tuple, dict)) or hasattr(given, "log_prob"):
            from power_metrics.agents.torch import scores_of

            given, told = scores_of(given, (count, A), kind)
        given = as_float64("agent", given)
        if given.shape != (count, A):
            raise ValueError(
                f"agent: expected {count} observations to give an array of shape {(count, A)}, one number "
                f"for each action, found {given.shape}"
            )
        scores[start : start + batch_size] = given
    return scores, _needed(told)


def _ask(agent: Callable[[Any], Any], observed: StateObservations, num_samples: int | None) -> Floats:
    """(S, A) how often the agent took each action when asked in each state."""
    mdp = observed.mdp
    counts = np.zeros(mdp.available.shape)
    for s in np.flatnonzero(~mdp.terminal).tolist():
        for _ in range(num_samples or 2):  # twice, to notice one that acts at random
            value = observed.part(s)
            counts[s, _action(agent(int(value) if observed.discrete else value), observed, s)] += 1
        if num_samples is None and counts[s].max() < 2:
            first, second = np.flatnonzero(counts[s])
            raise ValueError(
                f"agent: took action {first} and then {second} in state {s} ({label_text(mdp.state_labels[s])}), so "
                "it acts at random or remembers. If at random, ask it num_samples=... times for an estimate; or give "
                "its probabilities "
                'with kind="probabilities"'
            )
    if num_samples is not None:
        warnings.warn(
            f"policy_table: estimated from {num_samples} actions in each state, with standard errors of up to "
            f"{0.5 / np.sqrt(num_samples):.3f}; an agent that gives its probabilities has none",
            stacklevel=3,
        )
    return counts


def _action(given: Any, observed: StateObservations, state: int) -> int:
    first, last = observed.first_action, observed.first_action + observed.mdp.num_actions - 1
    try:
        action = operator.index(np.asarray(given.cpu() if hasattr(given, "cpu") else given).item())
    except (TypeError, ValueError):
        raise ValueError(
            f"agent: expected an action from {first} to {last} in state {state}, found {given!r}; a "
            "callable that "
            'gives a number for each action needs kind="probabilities", "logits" or "q"'
        ) from None
    if not first <= action <= last:
        raise ValueError(f"agent: expected an action from {first} to {last} in state {state}, found {action}")
    return action - first
