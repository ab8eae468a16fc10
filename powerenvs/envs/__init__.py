"""Worlds as environments: Gymnasium's single and vector interfaces, which step through a world's tables."""

from powerenvs.envs.foveal import FovealObservation
from powerenvs.envs.lab_observations import LabObservations
from powerenvs.envs.lazy import LazyEnv
from powerenvs.envs.observations import ObservationTable
from powerenvs.envs.single import TabularEnv
from powerenvs.envs.vector import TabularVectorEnv

__all__ = ["FovealObservation", "LabObservations", "LazyEnv", "ObservationTable", "TabularEnv", "TabularVectorEnv"]
