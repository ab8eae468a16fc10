"""What measures return: arrays with dimensions, how they came about, and the model."""
