"""Commands: what callers can do, one file a command, by aggregate."""
