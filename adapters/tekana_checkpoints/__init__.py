"""Signed checkpoints of history, in a file outside the database.

checkpoint_file  the file: appends, and reads what it has
checkpoint       one checkpoint: its form, its signature and its place in the file
"""

from tekana_checkpoints.checkpoint_file import CheckpointFile

__all__ = ["CheckpointFile"]
