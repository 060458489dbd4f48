#!/usr/bin/env bash
# Proves every pack with real libraries: `DRYDOCK_BIN=… DRYDOCK_SCENARIOS=… run.sh SCRATCH [--sample N]`.
# SCRATCH keeps what pip and npm have fetched; with --sample Inspect plays N scenarios and not all of them.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
scratch=${1:?a scratch directory}
mkdir -p "$scratch"
scratch=$(cd "$scratch" && pwd)
sample=()
if [ "${2:-}" = --sample ]; then
    sample=(-T "first=${3:?a number of scenarios}")
fi
: "${DRYDOCK_BIN:?the program}" "${DRYDOCK_SCENARIOS:?the folder of the scenarios}"
# The packs run elsewhere, so that nothing is written beside the sources.
DRYDOCK_BIN=$(realpath "$DRYDOCK_BIN")
DRYDOCK_SCENARIOS=$(realpath "$DRYDOCK_SCENARIOS")
export DRYDOCK_BIN DRYDOCK_SCENARIOS

not_run() {
    echo "not run: no network ($1)"
    exit 0
}

[ "${DRYDOCK_OFFLINE:-}" != 1 ] || not_run "DRYDOCK_OFFLINE is 1"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }

for pack in inspect python vitest; do
    mkdir -p "$scratch/$pack"
    find "$here/$pack" -maxdepth 1 -type f -exec cp {} "$scratch/$pack/" \;
done
[ -x "$scratch/venv/bin/pip" ] || python3 -m venv "$scratch/venv" || exit 1
pip=("$scratch/venv/bin/pip" --disable-pip-version-check --quiet)
# Asked one by one, so that a pin that is wrong is a failure and not taken for a missing network.
if ! said=$("${pip[@]}" install --retries 1 -r "$scratch/inspect/requirements.txt" -r "$scratch/python/requirements.txt" 2>&1); then
    "${pip[@]}" download --no-deps --retries 0 --dest "$scratch/probe" iniconfig >/dev/null 2>&1 || not_run "pip"
    echo "$said" >&2
    exit 1
fi
if ! said=$(cd "$scratch/vitest" && npm install --no-audit --no-fund --fetch-retries=1 2>&1); then
    npm view vitest version --fetch-retries=0 >/dev/null 2>&1 || not_run "npm"
    echo "$said" >&2
    exit 1
fi

rm -rf "$scratch/pytest.xml" "$scratch/vitest.json" "$scratch/logs"
summary=()
failures=0
# Takes a pack's name, its exit code, and how many passed and failed. A pack that came to no result has failed.
tell() {
    local passed=${3:-0} failed=${4:-0}
    if [ "$2" != 0 ] && [ "$failed" = 0 ]; then
        failed=1
    fi
    summary+=("$1: $passed passed, $failed failed")
    failures=$((failures + failed))
}

cd "$scratch/python" || exit 1
"$scratch/venv/bin/python" -m pytest -q -p no:cacheprovider --junitxml "$scratch/pytest.xml"
code=$?
read -r passed failed < <(
    "$scratch/venv/bin/python" - "$scratch/pytest.xml" <<'PYTHON'
import sys, xml.etree.ElementTree as xml
suite = next(xml.parse(sys.argv[1]).iter("testsuite"))
failed = int(suite.get("failures")) + int(suite.get("errors"))
print(int(suite.get("tests")) - failed - int(suite.get("skipped")), failed)
PYTHON
)
tell pytest "$code" "$passed" "$failed"

cd "$scratch/vitest" || exit 1
npm run --silent types && npx vitest run --reporter default --reporter json --outputFile "$scratch/vitest.json"
code=$?
read -r passed failed < <(
    node -p 'const r = JSON.parse(fs.readFileSync(process.argv[1])); `${r.numPassedTests} ${r.numFailedTests}`' "$scratch/vitest.json"
)
tell vitest "$code" "$passed" "$failed"

cd "$scratch/inspect" || exit 1
"$scratch/venv/bin/inspect" eval drydock_eval.py --model none -T solver=scripted "${sample[@]}" \
    --max-samples 2 --display plain --log-dir "$scratch/logs"
code=$?
read -r passed failed < <("$scratch/venv/bin/python" verdicts.py "$scratch/logs")
tell inspect "$code" "$passed" "$failed"
"$scratch/venv/bin/python" mock_model.py "$scratch/logs-mock"
code=$?
tell "inspect with a mock model" "$code" "$((code == 0))" "$((code != 0))"

printf '%s\n' "${summary[@]}"
[ "$failures" = 0 ]
