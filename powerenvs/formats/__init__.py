"""Files that tables are stored in."""
