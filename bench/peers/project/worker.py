"""Answers each title on standard input with the seconds that its work took, as JSON."""

import gc
import json
import os
import sys
import time
import traceback

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
sys.path.insert(0, os.path.dirname(__file__))

import django

django.setup()

from work import AREAS

WORK = {title: pair for works in AREAS.values() for title, pair in works.items()}


def measure(title):
    before, work = WORK[title]
    before()
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start
    finally:
        gc.enable()


if __name__ == "__main__":
    print(json.dumps({area: list(works) for area, works in AREAS.items()}), flush=True)
    for line in sys.stdin:
        try:
            answer = {"seconds": measure(json.loads(line))}
        except Exception:
            answer = {"error": traceback.format_exc()[-2000:]}
        print(json.dumps(answer), flush=True)
