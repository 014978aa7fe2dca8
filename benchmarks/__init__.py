"""The benchmark: how fast tekana is, told as ratios to PostgreSQL's own TPC-B on the same server at the same time.

A machine's speed changes with its neighbours from one minute to the next; so each run of ours comes right after a run
of what it is compared with, and the figure is the median of these pairs' ratios. `python -m benchmarks --help`.
"""
