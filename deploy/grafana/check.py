#!/usr/bin/env python3
"""Checks the dashboards: promtool understands every query, ids are unique, units and the data source are set.

    deploy/grafana/check.py [FOLDER]       # promtool from PATH, or PROMTOOL=/where/it/is

It needs nothing but Python and promtool. What it cannot see is whether Grafana draws what was meant.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PROMTOOL = os.environ.get("PROMTOOL", "promtool")
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def panels(dashboard):
    for panel in dashboard.get("panels", []):
        yield panel
        yield from panels(panel)


def plain(expression):
    """The expression with something in the place of Grafana's variables."""
    expression = re.sub(r"\$\{?__(rate_interval|range|interval)\}?", "5m", expression)
    return re.sub(r"\$(\{\w+(:\w+)?\}|\w+)", ".*", expression)


def look(path, uids):
    """What is wrong with a dashboard, and its expressions with their places."""
    wrong, expressions = [], []
    dashboard = json.loads(path.read_text())
    if dashboard.get("schemaVersion") != 36:
        wrong.append("schemaVersion is not 36")
    uid = dashboard.get("uid")
    if not uid or uid in uids:
        wrong.append(f"uid {uid!r} is empty or another dashboard's")
    uids.add(uid)
    variables = dashboard.get("templating", {}).get("list", [])
    if not any(it.get("type") == "datasource" and it.get("name") == "datasource" for it in variables):
        wrong.append("there is no variable datasource")
    seen = set()
    for panel in panels(dashboard):
        where = f"panel {panel.get('id')} ({panel.get('title')})"
        if panel.get("id") in seen or not isinstance(panel.get("id"), int):
            wrong.append(f"{where}: the id is missing or used twice")
        seen.add(panel.get("id"))
        if panel.get("type") in ("row", "text"):
            continue
        if panel.get("datasource") != DATA_SOURCE:
            wrong.append(f"{where}: the data source is not the variable")
        if not panel.get("fieldConfig", {}).get("defaults", {}).get("unit"):
            wrong.append(f"{where}: no unit")
        if not panel.get("targets"):
            wrong.append(f"{where}: no query")
        refs = [target.get("refId") for target in panel.get("targets", [])]
        if len(set(refs)) != len(refs):
            wrong.append(f"{where}: a refId is used twice")
        for target in panel.get("targets", []):
            if target.get("datasource") != DATA_SOURCE:
                wrong.append(f"{where}: the data source of a query is not the variable")
            expressions.append((where, target["expr"]))
    return wrong, expressions


def understood(expression):
    """What promtool says against an expression; None: nothing."""
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "query.yaml"
        rule = {"record": "dashboard:query", "expr": plain(expression)}
        # JSON is YAML too.
        rules.write_text(json.dumps({"groups": [{"name": "query", "rules": [rule]}]}))
        told = subprocess.run([PROMTOOL, "check", "rules", str(rules)], capture_output=True, text=True)
        return None if told.returncode == 0 else (told.stdout + told.stderr).strip()


def main():
    folder = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).resolve().parent / "dashboards"
    failed, queries, uids = 0, 0, set()
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise SystemExit(f"{folder}: no dashboards")
    for path in paths:
        wrong, expressions = look(path, uids)
        for where, expression in expressions:
            queries += 1
            error = understood(expression)
            if error:
                wrong.append(f"{where}: {expression}\n{error}")
        for what in wrong:
            failed += 1
            print(f"{path.name}: {what}")
    print(f"{len(paths)} dashboards, {queries} queries, {failed} faults")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
