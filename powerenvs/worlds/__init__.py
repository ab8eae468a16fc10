"""The worlds, by family: each package here declares a `FAMILY`. A family never imports another."""
