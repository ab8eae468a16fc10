"""Learned against optimal power-seeking; see `power_metrics.compare`."""
