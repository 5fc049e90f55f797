"""A careful script instead of host-runner: one POST with a durable audit log.

Usage: refresh.py BODY_FILE TRACKING_ID AUDIT_LOG [frame], with the trigger URL in
ORDER_LIST_FLOW_URL. It prints the HTTP status; with `frame`, as an output for Kestra.

The benchmark's third program. It stores the same three events as host-runner does for a target
without `verify:`: the intent before the trigger is sent, then the trigger, then the outcome; each
is on disk before the next step. It validates, sandboxes and follows nothing.
"""

import json
import os
import sqlite3
import sys
import time

import requests


def append(audit_log, tracking_id, event, detail):
    """Stores an event. Returns when it is on disk."""
    with audit_log:
        audit_log.execute(
            "INSERT INTO events (time, run, event, text) VALUES (?, ?, ?, ?)",
            (time.time(), tracking_id, event, json.dumps(detail)),
        )


def main(body_file, tracking_id, audit_log_file, form="plain"):
    with open(body_file, "rb") as file:
        body = file.read()
    audit_log = sqlite3.connect(audit_log_file)
    audit_log.execute("PRAGMA journal_mode=WAL")
    audit_log.execute("PRAGMA synchronous=FULL")
    audit_log.execute(
        "CREATE TABLE IF NOT EXISTS events"
        " (number INTEGER PRIMARY KEY, time REAL, run TEXT, event TEXT, text TEXT)"
    )
    append(audit_log, tracking_id, "intent", {"body": body.decode()})
    reply = requests.post(
        os.environ["ORDER_LIST_FLOW_URL"],
        data=body,
        headers={
            "Content-Type": "application/json",
            "x-ms-client-tracking-id": tracking_id,
        },
        timeout=30,
        allow_redirects=False,
    )
    flow_run = reply.headers.get("x-ms-workflow-run-id", "")
    append(audit_log, tracking_id, "triggered", {"status": reply.status_code, "flow_run": flow_run})
    accepted = reply.status_code in (200, 202)
    append(audit_log, tracking_id, "outcome", {"status": "accepted" if accepted else "failed"})
    audit_log.close()
    frame = {"outputs": {"http_status": str(reply.status_code)}}
    print(f"::{json.dumps(frame)}::" if form == "frame" else reply.status_code)
    return 0 if accepted else 10


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
