#!/usr/bin/env bash
# A program outside the workspace, with nothing but a path dependency on the `headcount` crate,
# joins a running cluster and prints its members and events.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
target="${CARGO_TARGET_DIR:-$root/target}"
work=$(mktemp -d)
agent=
trap '[ -z "$agent" ] || kill "$agent" 2>/dev/null; rm -rf "$work"' EXIT

mkdir -p "$work/src"
cp "$root/crates/node/examples/embed.rs" "$work/src/main.rs"
# The same versions of everything as the workspace: nothing has to be fetched or resolved again.
cp "$root/Cargo.lock" "$work/Cargo.lock"
cat > "$work/Cargo.toml" <<TOML
[package]
name = "outsider"
version = "0.1.0"
edition = "2024"

[workspace]

[dependencies]
headcount = { path = "$root/crates/node" }
tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
TOML

cargo build --quiet --manifest-path "$root/Cargo.toml" --package headcount-cli
cargo build --quiet --manifest-path "$work/Cargo.toml" --target-dir "$target/outsider"

"$target/debug/headcount" agent --name host --cluster orders --bind 127.0.0.1:0 --http 127.0.0.1:0 \
    > "$work/agent.out" 2> "$work/agent.err" &
agent=$!
for _ in $(seq 100); do
    seed=$(sed -n 's/.*gossip=\([^ ]*\).*/\1/p' "$work/agent.out")
    [ -n "$seed" ] && break
    sleep 0.1
done
timeout 8 "$target/outsider/debug/outsider" "$seed" > "$work/outsider.out" || true
cat "$work/outsider.out"
grep -q host "$work/outsider.out" || { echo "the outsider never saw the host"; exit 1; }
