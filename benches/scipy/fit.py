"""The fits that the field runs today, written from the formulas, on one thread.

    python fit.py grid TABLE EVERY     every EVERY-th of 4,500 L-BFGS-B starts, finite differences
    python fit.py bootstrap TABLE COUNT
                                       COUNT row bootstraps, BFGS with the exact gradient
    python fit.py projection TABLE EVERY
                                       the best E, A, B at every EVERY-th of 981 values of alpha and
                                       of beta, by ten passes of reweighted least squares

TABLE is a CSV file of N, D, loss. Prints one JSON object: CPU seconds of the part that was run, how
much of the whole that is, and the best objective.
"""

import json
import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import itertools
import sys
import time

import numpy as np
from scipy.optimize import minimize, nnls
from scipy.special import huber, logsumexp

DELTA = 1e-3


def objective(theta, log_n, log_d, log_loss):
    """Sum of Huber of log residuals; theta is ln A, ln B, ln E, alpha, beta."""
    a, b, e, alpha, beta = theta
    terms = np.stack([a - alpha * log_n, b - beta * log_d, np.full_like(log_n, e)])
    return huber(DELTA, log_loss - logsumexp(terms, axis=0)).sum()


def objective_and_gradient(theta, log_n, log_d, log_loss):
    a, b, e, alpha, beta = theta
    terms = np.exp(np.stack([a - alpha * log_n, b - beta * log_d, np.full_like(log_n, e)]))
    law = terms.sum(axis=0)
    residual = log_loss - np.log(law)
    slope = -np.clip(residual, -DELTA, DELTA) / law
    by = terms @ slope
    return huber(DELTA, residual).sum(), np.array(
        [by[0], by[1], by[2], -(terms[0] * log_n) @ slope, -(terms[1] * log_d) @ slope]
    )


def starts():
    """The grid of Besiroglu et al. 2024 (arXiv:2404.10102), section 3."""
    exponents = [0.0, 0.5, 1.0, 1.5, 2.0]
    logs = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]
    return list(itertools.product(logs, logs, [-1.0, -0.5, 0.0, 0.5, 1.0], exponents, exponents))


def grid(data, every):
    every = int(every)
    all_starts = starts()
    chosen = all_starts[::every]
    begin = time.process_time()
    found = [minimize(objective, start, args=data, method="L-BFGS-B").fun for start in chosen]
    seconds = time.process_time() - begin
    found = np.array(found)
    best = float(np.nanmin(found))
    share = float((found <= best * 1.001).mean())
    return {"seconds": seconds, "part": len(chosen) / len(all_starts), "best": best, "share": share}


def bootstrap(data, count):
    count = int(count)
    near = [np.log(482.01), np.log(2085.43), np.log(1.8172), 0.3478, 0.3658]
    full = minimize(objective_and_gradient, near, args=data, method="BFGS", jac=True)
    random = np.random.default_rng(0)
    rows = len(data[0])
    begin = time.process_time()
    for _ in range(count):
        drawn = random.integers(0, rows, rows)
        resample = tuple(column[drawn] for column in data)
        minimize(objective_and_gradient, full.x, args=resample, method="BFGS", jac=True)
    return {"seconds": time.process_time() - begin, "part": count / 4000, "best": float(full.fun)}


def projection(data, every):
    n, d, loss = (np.exp(column) for column in data)
    n, d = n / np.median(n), d / np.median(d)
    values = np.linspace(0.01, 0.99, 981)
    chosen = values[:: int(every)]
    best, begin = np.inf, time.process_time()
    for alpha in chosen:
        for beta in chosen:
            design = np.stack([np.ones_like(n), n**-alpha, d**-beta], axis=1)
            weights = np.ones_like(n)
            for _ in range(10):
                root = np.sqrt(weights)
                solution, _ = nnls(design * root[:, None], loss * root)
                residual = loss - design @ solution
                weights = np.minimum(1.0, DELTA / np.maximum(np.abs(residual), 1e-300))
            best = min(best, huber(DELTA, residual).sum())
    seconds = time.process_time() - begin
    return {"seconds": seconds, "part": len(chosen) ** 2 / 981**2, "best": float(best)}


def main():
    what, table, *rest = sys.argv[1:]
    data = tuple(np.log(np.loadtxt(table, delimiter=",", skiprows=1, unpack=True)))
    work = {"grid": grid, "bootstrap": bootstrap, "projection": projection}
    print(json.dumps(work[what](data, *rest)))


main()
