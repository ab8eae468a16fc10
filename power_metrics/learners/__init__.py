"""Parts that learners are made of, for the libraries that people train with."""
