"""Two agents who answer each other, many pairs of reward functions at once."""
