"""The interactive editor of ``powerenvs edit``: levels drawn in the terminal, with their POWER as a heat map.

`power_metrics.editor.live` computes, `paint` draws; neither knows of textual, which `screen` and `app` are made with.
"""
