#!/usr/bin/env bash
# Figures of a GPU, with the machine's own Python and torch: bash tests/benchmarks/gpu.sh [FILE.json]. Takes some minutes; needs no network.
set -uo pipefail
cd "$(dirname "$0")/../.."
export HF_HUB_OFFLINE=1
exec "${PYTHON:-python3}" tests/benchmarks/gpu.py --device "${DEVICE:-cuda}" --out "${1:-gpu.json}"
