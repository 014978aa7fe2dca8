"""The benchmark: how fast tekana is, reported as ratios to PostgreSQL's own TPC-B on the same server at the same time.

A machine's speed changes with its neighbours from one minute to the next; so each run of tekana directly follows a
run of its reference, and the reported figure is the median of these pairs' ratios. `python -m benchmarks --help`.
"""
