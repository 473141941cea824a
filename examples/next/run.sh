#!/bin/sh
# The loop, closed in a minute: a sweep, a law, the next runs, those runs, the law again.
# ISOFLOP is the program, the first argument the folder for what comes out.
set -eu
isoflop=${ISOFLOP:-isoflop}
out=${1:-isoflop-out/next}
here=$(dirname "$0")

"$isoflop" lab sweep "$here/sweep.toml" --out "$out/first"
"$isoflop" fit "$out/first/runs.csv" --predict-compute 1e12 --no-plot
"$isoflop" next "$out/first/runs.csv" --budget "6e11 FLOP" --target "1e12 FLOP" --depths 1..6 \
    --sweep "$out/next.toml" --csv "$out/next.csv" --force
"$isoflop" lab sweep "$out/next.toml" --dry-run
"$isoflop" lab sweep "$out/next.toml" --out "$out/second"
"$isoflop" fit "$out/first/runs.csv" "$out/second/runs.csv" --predict-compute 1e12 --no-plot
