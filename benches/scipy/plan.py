"""The planner's problems as one would solve them with scipy, one draw after another.

    python plan.py optimum|lifetime|target|waste TABLE EVERY

TABLE is a CSV file of E, A, B, alpha, beta, one draw a row; EVERY-th rows are worked on. Prints one
JSON object: CPU seconds, and the answers, one row per draw.
"""

import json
import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import sys
import time

import numpy as np
from scipy.optimize import brentq, minimize_scalar

BUDGET = 1e24
SERVED = 1e13
LOSS = 2.0
SIZES = [9.6e10 * factor for factor in (0.25, 0.5, 0.7, 0.9, 1.1, 1.4, 2.0, 4.0)]


def loss(law, x, budget, served=0.0):
    e, a, b, alpha, beta = law
    n = np.exp(x)
    d = (budget - 2 * n * served) / (6 * n)
    return e + a / n**alpha + b / d**beta if d > 0 else np.inf


def best(law, budget, served=0.0):
    """The least loss along a budget; coarse grid, then Brent."""
    grid = np.arange(5.0, 40.0, 1.0)
    values = [loss(law, x, budget, served) for x in grid]
    i = int(np.argmin(values))
    return minimize_scalar(
        lambda x: loss(law, x, budget, served),
        bounds=(grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]),
        method="bounded",
        options={"xatol": 1e-8},
    )


def optimum(law):
    return [np.exp(best(law, BUDGET).x)]


def lifetime(law):
    return [np.exp(best(law, BUDGET, SERVED).x)]


def budget_of(law, target):
    return np.exp(brentq(lambda c: best(law, np.exp(c)).fun - target, 30, 100, xtol=1e-10))


def target(law):
    try:
        return [budget_of(law, LOSS)]
    except ValueError:
        return [None]


def waste(law):
    return [1 - budget_of(law, loss(law, np.log(size), BUDGET)) / BUDGET for size in SIZES]


if __name__ == "__main__":
    part, table, every = sys.argv[1:]
    laws = np.loadtxt(table, delimiter=",", skiprows=1)[:: int(every)]
    begin = time.process_time()
    answers = [globals()[part](law) for law in laws]
    print(json.dumps({"cpu_s": time.process_time() - begin, "values": answers}))
