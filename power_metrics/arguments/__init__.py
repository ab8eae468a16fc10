"""Arguments, checked before any long work."""
