"""Learners over many tasks: do they seek more POWER than is optimal, or less?"""
