from . import games as games, preferences as preferences, psych as psych, sweeps as sweeps
from .agents.bounded import (
    BestOfK as BestOfK,
    Boltzmann as Boltzmann,
    EpsilonGreedy as EpsilonGreedy,
    Satisficing as Satisficing,
)
from .agents.fixed_points import QFixedPoint as QFixedPoint, q_fixed_point as q_fixed_point
from .agents.q_learning import (
    QLearners as QLearners,
    QLearning as QLearning,
)
from .agents.quantilisers import (
    ActionQuantiliser as ActionQuantiliser,
    StateQuantiliser as StateQuantiliser,
    SupportQuantiliser as SupportQuantiliser,
    quantilised_policy as quantilised_policy,
    quantiliser_bound as quantiliser_bound,
    quantiliser_delta as quantiliser_delta,
)
from .agents.rollouts import rollout_counts as rollout_counts
from .agents.table import policy_table as policy_table
from .agents_and_devices.goals import GoalAgents as GoalAgents, RewardAgents as RewardAgents
from .agents_and_devices.tracker import AgencyTracker as AgencyTracker
from .agents_and_devices.trajectories import trajectory as trajectory
from .agents_and_devices.walks import load_trajectory as load_trajectory, save_trajectory as save_trajectory
from .chains.evaluation import policy_values as policy_values
from .chains.horizon import (
    HorizonOptimum as HorizonOptimum,
    Score as Score,
    horizon_optimum as horizon_optimum,
    horizon_score as horizon_score,
)
from .chains.occupancy import (
    average_occupancy as average_occupancy,
    expected_return as expected_return,
    occupancy as occupancy,
)
from .chains.rates import Rates as Rates, long_run_rates as long_run_rates
from .chains.return_distribution import (
    ReturnDistribution as ReturnDistribution,
    return_distribution as return_distribution,
)
from .chains.vtrace import (
    VTrace as VTrace,
    vtrace_fixed_point as vtrace_fixed_point,
    vtrace_operator as vtrace_operator,
)
from .comparison.compare import compare as compare
from .comparison.front import PowerFront as PowerFront, power_front as power_front
from .comparison.game_result import GameComparison as GameComparison
from .comparison.logged import Behaviour as Behaviour, measure_behaviour as measure_behaviour
from .comparison.result import PolicySummary as PolicySummary, PowerComparison as PowerComparison
from .learners.agency import agency_over_training as agency_over_training
from .learners.many import train_many as train_many
from .learners.noisy import NoisyLinear as NoisyLinear
from .learners.noisy_sb3 import (
    NoiseCallback as NoiseCallback,
    NoisyActorCriticPolicy as NoisyActorCriticPolicy,
    NoisyDQNPolicy as NoisyDQNPolicy,
)
from .learners.runs import TrainingRuns as TrainingRuns
from .learners.train import train as train
from .learners.training import Training as Training
from .measures.agency import Agency as Agency, agency as agency
from .measures.agency_measures import AgencyMeasures as AgencyMeasures, agency_measures as agency_measures
from .measures.aliasing import Aliasing as Aliasing, aliasing as aliasing
from .measures.aup import AupAgents as AupAgents, aup as aup
from .measures.belief_states import BeliefStates as BeliefStates, belief_states as belief_states
from .measures.coherence import Coherence as Coherence, coherence as coherence
from .measures.corrupt_agents import CorruptAgents as CorruptAgents, corrupt_agents as corrupt_agents
from .measures.corrupt_learning import CorruptLearning as CorruptLearning, corrupt_learning as corrupt_learning
from .measures.deviations import Deviations as Deviations, deviation as deviation
from .measures.empowerment import Empowerment as Empowerment, empowerment as empowerment
from .measures.learnable_rewards import (
    LearnableRewards as LearnableRewards,
    inferred_rewards as inferred_rewards,
    learnable_rewards as learnable_rewards,
    observation_graph as observation_graph,
)
from .measures.learning_curve import LearningCurve as LearningCurve, q_learning_curve as q_learning_curve
from .measures.meg import Meg as Meg, meg as meg
from .measures.memoryless import Memoryless as Memoryless, memoryless as memoryless
from .measures.multiagent_power import multiagent_power as multiagent_power
from .measures.no_free_lunch import NoFreeLunch as NoFreeLunch, no_free_lunch as no_free_lunch
from .measures.optimality import (
    OptimalityEstimate as OptimalityEstimate,
    optimality_probability as optimality_probability,
)
from .measures.penalised_learning import (
    PenalisedLearning as PenalisedLearning,
    penalised_learning as penalised_learning,
)
from .measures.policy_agency import PolicyAgency as PolicyAgency, policy_agency as policy_agency
from .measures.policy_power import PolicyPower as PolicyPower, power_of_policies as power_of_policies
from .measures.power import power as power
from .measures.preference_confusion import (
    PreferenceConfusion as PreferenceConfusion,
    preference_confusion as preference_confusion,
)
from .measures.reachability import Reachability as Reachability, reachability as reachability
from .measures.registry import measure as measure
from .measures.reward_distance import RewardDistance as RewardDistance, reward_distance as reward_distance
from .measures.reward_regret import RewardRegret as RewardRegret, reward_regret as reward_regret
from .measures.run_policies import (
    RunPolicies as RunPolicies,
    drawn_pairs as drawn_pairs,
    drawn_rewards as drawn_rewards,
    pair_policies as pair_policies,
    run_policies as run_policies,
)
from .measures.safety import (
    PowerOfUnsafeChoices as PowerOfUnsafeChoices,
    SafetyScores as SafetyScores,
    power_of_unsafe_choices as power_of_unsafe_choices,
    safety_scores as safety_scores,
    safety_table as safety_table,
)
from .measures.side_effect_map import SideEffectMap as SideEffectMap, side_effect_map as side_effect_map
from .measures.side_effects import PenalisedOptimum as PenalisedOptimum, penalised_optimum as penalised_optimum
from .measures.worst_case_regret import (
    WorstCaseRegret as WorstCaseRegret,
    worst_case_regret as worst_case_regret,
)
from .plots.training import plot_training as plot_training
from .results.base import Result as Result
from .results.dims import Dims as Dims
from .results.estimate import PowerEstimate as PowerEstimate
from .results.group import GroupPower as GroupPower
from .results.multiagent import MultiagentPower as MultiagentPower
from .rewards.channels import (
    StateRewards as StateRewards,
    corrupt as corrupt,
    reversed_rewards as reversed_rewards,
    state_rewards as state_rewards,
)
from .rewards.distributions import (
    Bernoulli as Bernoulli,
    Beta as Beta,
    Empirical as Empirical,
    Normal as Normal,
    Pareto as Pareto,
    PerState as PerState,
    RewardDistribution as RewardDistribution,
    Uniform as Uniform,
)
from .rewards.torch import TorchDistribution as TorchDistribution
from .solvers.average.gain import optimal_gain as optimal_gain
from .solvers.optimal import (
    optimal_policies as optimal_policies,
    optimal_values as optimal_values,
    solve as solve,
    solve_task as solve_task,
)
from .solvers.solution import Solution as Solution
from .solvers.task import TaskSolution as TaskSolution
from .sweeps.config import SweepConfig as SweepConfig
from .sweeps.results import SweepResult as SweepResult, load_sweep as load_sweep
from .sweeps.run import sweep as sweep
from .tasks.environment import TaskReward as TaskReward, TaskRewardParallel as TaskRewardParallel
from .tasks.game_result import ManyGameTasks as ManyGameTasks
from .tasks.many import many_tasks as many_tasks
from .tasks.result import ManyTasks as ManyTasks
from .training import rllib as rllib, sb3 as sb3
from .training.game_tracker import GameTracker as GameTracker
from .training.pettingzoo import PowerParallelWrapper as PowerParallelWrapper
from .training.returns import (
    Episode as Episode,
    EpisodeReturns as EpisodeReturns,
    ReturnsVectorWrapper as ReturnsVectorWrapper,
    ReturnsWrapper as ReturnsWrapper,
    ReturnTracker as ReturnTracker,
)
from .training.rewards import (
    PowerReward as PowerReward,
    PowerRewardParallel as PowerRewardParallel,
    PowerRewardVector as PowerRewardVector,
)
from .training.side_effects import (
    SideEffectPenalty as SideEffectPenalty,
    SideEffectPenaltyVector as SideEffectPenaltyVector,
)
from .training.tracker import PowerTracker as PowerTracker
from .training.wrappers import PowerVectorWrapper as PowerVectorWrapper, PowerWrapper as PowerWrapper
