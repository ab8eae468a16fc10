"""Work of many parts that goes on where it was stopped: sweeps, many trainings, many tasks."""
