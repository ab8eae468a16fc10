"""The worlds, by family. A family never imports another."""
