"""Commands that move money."""
