"""The model of thirty-years.toml in numpy: CPU seconds and the quantiles of every year."""

import json
import sys
import time

import numpy as np

Z = 1.6448536269514722
INPUTS = {
    "p0": (6, 10), "pg": (1.4, 1.75), "hw": (1.25, 2), "life": (3, 7), "pue": (1.1, 1.4),
    "util": (0.3, 0.8), "mfu": (0.25, 0.5), "d0": (0.8, 1.2), "dg": (2, 8), "decay": (0.75, 0.95),
    "alg": (1.8, 5), "cap": (30, 60),
}
PROBABILITIES = [0.05, 0.25, 0.5, 0.75, 0.95]


def main(samples):
    begin = time.process_time()
    random = np.random.default_rng(7)
    x = {}
    for name, (low, high) in INPUTS.items():
        low, high = np.log(low), np.log(high)
        x[name] = np.exp((low + high) / 2 + (high - low) / (2 * Z) * random.standard_normal(samples))
    fade_p = fade_h = fade_a = 1.0
    power, perf, eff = x["p0"], np.ones(samples), np.ones(samples)
    chips = x["p0"] / x["pue"]
    growth, demand = x["dg"], x["d0"] * chips * x["util"]
    short, capex, energy, served = (np.zeros(samples) for _ in range(4))
    met = np.full(samples, np.inf)
    table = []
    supply = chips * x["util"] * x["mfu"] * eff
    ratio = demand / supply
    for year in range(31):
        met = np.where((ratio < 1) & np.isinf(met), year, met)
        table.append([np.quantile(path, PROBABILITIES).tolist() for path in (supply, demand, ratio)])
        if year == 30:
            break
        # Other series are taken after the step, as the language has it.
        fade_p, fade_h, fade_a = fade_p * 0.93, fade_h * 0.97, fade_a * 0.9
        power = power * (1 + (x["pg"] - 1) * fade_p)
        added = power * (x["pg"] - 1) * fade_p
        perf = perf * (1 + (x["hw"] - 1) * fade_h)
        chips = chips * (1 - 1 / x["life"]) + added / x["pue"] * perf
        eff = eff * (1 + (x["alg"] - 1) * fade_a)
        growth = 1 + (growth - 1) * x["decay"]
        demand = demand * growth
        supply = chips * x["util"] * x["mfu"] * eff
        ratio = demand / supply
        short = short + np.maximum(ratio - 1, 0) / (1 + ratio)
        capex = capex + x["cap"] * added
        energy = energy + power * x["pue"]
        served = served + np.minimum(demand, supply)
    last = [np.quantile(value, PROBABILITIES).tolist() for value in (short, capex, energy, served)]
    seconds = time.process_time() - begin
    print(json.dumps({"cpu_s": seconds, "medians": [row[2][2] for row in table], "last": last,
                      "met": float(np.isfinite(met).mean())}))


main(int(sys.argv[1]))
