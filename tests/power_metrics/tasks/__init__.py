"""Tests of learners over many tasks."""
