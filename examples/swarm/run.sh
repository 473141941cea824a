#!/bin/sh
# Is it worth it to train over the internet? Ten flats, four offices, a thousand homes, in seconds.
# ISOFLOP is the program, the first argument the folder for what comes out.
set -eu
isoflop=${ISOFLOP:-isoflop}
out=${1:-isoflop-out/swarm}
here=$(dirname "$0")
mkdir -p "$out"

# Ten friends: how long to a loss of 2.7, and is what a round takes also what it takes when played?
"$isoflop" simulate "$here/ten-flats.toml" --loss 2.7 --no-plot --events | tee "$out/ten-flats.txt"
# Offices: do the eight cards of a place send as one?
"$isoflop" simulate "$here/offices.toml" --loss 2.7 --no-plot | tee "$out/offices.txt"
grep -q "places as one (chosen)" "$out/offices.txt"
# A fifth of a thousand homes is hostile.
"$isoflop" simulate homes-1000 --loss 2.7 --adversaries 0.2 --no-plot | tee "$out/hostile.txt"
# How far behind, for which sizes, and how that moves: for programs.
"$isoflop" simulate homes-1000 --time "90 day" --json > "$out/homes.json"
grep -q '"practical": true' "$out/homes.json"
