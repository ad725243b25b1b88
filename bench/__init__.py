"""How much, how fast: the benchmarks whose figures stand in docs/performance.md.

`python -m bench` runs all of them, `python -m bench startup join` those named. Each starts its own
server on free loopback ports in a temporary folder and leaves a result in `bench/results/`.
"""
