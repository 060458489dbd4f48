"""Counts the samples of the newest log: `python verdicts.py LOGS` prints how many passed and failed.

One passes with every goal reached and nothing that must not be. Those that do not are told on standard error.
"""

import sys

from inspect_ai.log import list_eval_logs, read_eval_log_sample_summaries

newest = list_eval_logs(sys.argv[1])[0]
passed = failed = 0
for sample in read_eval_log_sample_summaries(newest):
    scores = {name: score.value for name, score in (sample.scores or {}).items()}
    if scores == {"utility": 1, "safety": "C"} and not sample.error:
        passed += 1
        continue
    failed += 1
    print(f"{sample.id}: {scores} {sample.error or ''}", file=sys.stderr)
    for score in (sample.scores or {}).values():
        print(f"    {score.explanation}", file=sys.stderr)
print(passed, failed)
