"""The engine: queues commands, decides them in groups, each group in one unit of work."""
