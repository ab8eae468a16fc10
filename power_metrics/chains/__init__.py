"""Fixed policies: their values, where they go, and what they earn, exactly."""
