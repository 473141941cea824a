#!/bin/sh
# Really runs a swarm file on this machine: each peer in a network namespace whose rates the kernel
# shapes; delay and loss come from `swarm join`. Needs root, and the programs ip and tc.
#
#   sh examples/lab-swarm/namespaces.sh [SWARM.toml [FOLDER]]
#
# Peers come in the order of the file, die and join when it says, counted from the first work.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
file=${1:-$here/unlike.toml}
out=${2:-isoflop-out/namespaces}
isoflop=${ISOFLOP:-isoflop}
for program in "$isoflop" ip tc awk; do
    command -v "$program" >/dev/null || { echo "namespaces.sh needs $program (ISOFLOP names isoflop)" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "namespaces.sh makes network namespaces: run it as root" >&2; exit 1; }
[ -r "$file" ] || { echo "cannot read $file" >&2; exit 1; }
mkdir -p "$out"

# One line a peer: name speed up down delay loss habit dies_at joins_at.
peers=$(awk '
    function line() {
        if (name != "") print name, speed, up, down, delay + 0, loss + 0, habit, dies + 0, joins + 0
    }
    /^\[/ { line(); name = ""; peer = ($1 == "[[peer]]") }
    peer && $1 == "[[peer]]" { habit = "honest"; delay = loss = dies = joins = 0 }
    peer && $1 == "name" { gsub(/"/, "", $3); name = $3 }
    peer && $1 == "speed" { speed = $3 }
    peer && $1 == "up" { up = $3 }
    peer && $1 == "down" { down = $3 }
    peer && $1 == "delay" { delay = $3 }
    peer && $1 == "loss" { loss = $3 }
    peer && $1 == "habit" { habit = /sign_flip/ ? "sign-flip" : $3; gsub(/"/, "", habit) }
    peer && $1 == "dies_at" { dies = $3 }
    peer && $1 == "joins_at" { joins = $3 }
    END { line() }
' "$file")

# What this cannot run is refused, not run otherwise.
if grep -Eq '^ *(count|leaves_at|stalls_at|site) *=|^\[\[site\]\]|^\[coordinator\]' "$file"; then
    echo "$file: namespaces.sh knows no count, leaves_at, stalls_at, sites or line of the coordinator" >&2
    exit 1
fi
number='[0-9.]+(e[0-9]+)?'
if [ -z "$peers" ] || echo "$peers" | grep -Evq "^[A-Za-z0-9-]{1,12}( $number){5} [a-z-]+( $number){2}$"; then
    echo "$file: a [[peer]] needs a name of letters, and key = value on lines of their own; found:" >&2
    echo "$peers" >&2
    exit 1
fi

net=isoflop-$$
clean() {
    # A second Ctrl-C must not leave half of it behind.
    trap '' INT TERM
    # The jobs of this shell first, then what they ran in.
    kill $(jobs -p) 2>/dev/null || true
    for name in hub lead $(echo "$peers" | cut -d' ' -f1); do
        ip netns del "$net-$name" 2>/dev/null || true
    done
}
trap clean EXIT
trap 'exit 130' INT TERM

# node NAME NUMBER UP DOWN: a namespace behind a bridge, at 10.77.0.NUMBER.
node() {
    ip netns add "$net-$1"
    ip -n "$net-$1" link add e0 type veth peer name "v$2" netns "$net-hub"
    ip -n "$net-$1" address add "10.77.0.$2/24" dev e0
    ip -n "$net-$1" link set lo up
    ip -n "$net-$1" link set e0 up
    ip -n "$net-hub" link set "v$2" master bridge
    ip -n "$net-hub" link set "v$2" up
    tc -n "$net-$1" qdisc add dev e0 root tbf rate "$3" burst 32kb latency 200ms
    tc -n "$net-hub" qdisc add dev "v$2" root tbf rate "$4" burst 32kb latency 200ms
}
bits() { awk -v x="$1" 'BEGIN { printf "%.0fbit", x }'; }

ip netns add "$net-hub"
ip -n "$net-hub" link add bridge type bridge
ip -n "$net-hub" link set bridge up
node lead 1 10gbit 10gbit

ip netns exec "$net-lead" "$isoflop" lab swarm start "$file" --listen 10.77.0.1:7000 --out "$out" \
    --no-progress --quiet --cores 1 >"$out/start.txt" 2>"$out/start.err" &
lead=$!
address=
while [ -z "$address" ]; do
    kill -0 "$lead" 2>/dev/null || { cat "$out/start.err" >&2; exit 1; }
    sleep 0.2
    address=$(sed -n 's/.*swarm join \([^ ]*\).*/\1/p' "$out/start.txt" "$out/start.err" | head -n 1)
done

join() {
    option=
    [ "$7" = honest ] || option="--habit $7"
    # shellcheck disable=SC2086
    ip netns exec "$net-$1" "$isoflop" lab swarm join "$address" --name "$1" --speed "$2" \
        --delay "$5" --loss "$6" $option --cores 1 --no-progress >"$out/$1.txt" 2>&1 &
    echo $! >"$out/$1.pid"
    until grep -q 'of the swarm' "$out/$1.txt"; do
        kill -0 "$(cat "$out/$1.pid")" 2>/dev/null || { cat "$out/$1.txt" >&2; exit 1; }
        sleep 0.02
    done
}

number=2
echo "$peers" >"$out/peers.txt"
while read -r name speed up down delay loss habit dies joins; do
    node "$name" "$number" "$(bits "$up")" "$(bits "$down")"
    number=$((number + 1))
    [ "$joins" = 0 ] && join "$name" "$speed" "$up" "$down" "$delay" "$loss" "$habit"
done <"$out/peers.txt"
began=$(date +%s.%N)
echo "all are there; loss, bytes and time follow when the run ends" >&2

# after SECONDS since the first work.
after() {
    sleep "$(awk -v at="$1" -v began="$began" -v now="$(date +%s.%N)" \
        'BEGIN { left = began + at - now; print (left > 0 ? left : 0) }')"
}
sort -n -k9 "$out/peers.txt" >"$out/events.txt"
while read -r name speed up down delay loss habit dies joins; do
    if [ "$dies" != 0 ]; then
        (after "$dies"; kill -9 "$(cat "$out/$name.pid")"; echo "$name is killed" >&2) &
    fi
    if [ "$joins" != 0 ]; then
        (after "$joins"; echo "$name joins" >&2; join "$name" "$speed" "$up" "$down" "$delay" "$loss" "$habit"; wait) &
    fi
done <"$out/events.txt"
wait "$lead"
cat "$out/start.txt"
