#!/usr/bin/env python3
"""The names of the exchange's metrics that rules and dashboards use, compared with those that the programs show.

    deploy/prometheus/names.py             # tells the names that are used
    deploy/prometheus/names.py --check     # fails where one is used that no program shows: it is not in deploy/metrics.txt

The list is made from the programs' own table and compared with what they really show (crates/http/tests/families.rs,
bins/gateway/tests/metrics/main.rs). A histogram stands there by its own name, without _bucket, _sum or _count, as in the TYPE lines of /metrics. Left out: what
recording rules make (it has a colon), what Prometheus itself makes (up), and what
RabbitMQ and the exporters of others expose (rabbitmq_..., node_..., pg_..., redis_memory_..., probe_...).
"""

import json
import re
import sys
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent.parent
LIST = DEPLOY / "metrics.txt"
OTHERS = ("rabbitmq_", "node_", "pg_", "redis_memory_", "probe_")
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset", "inf", "nan"}


def rule_expressions(path):
    """The expr of each rule: on its line, in single quotes or not, or in the block under `expr: |`."""
    lines = path.read_text().splitlines()
    for at, line in enumerate(lines):
        found = re.match(r"^(\s+)(?:- )?expr:\s*(.*)$", line)
        if not found:
            continue
        indent, text = len(found[1]), found[2]
        if text != "|":
            yield text[1:-1].replace("''", "'") if text.startswith("'") else text
            continue
        block = []
        for below in lines[at + 1 :]:
            if below.strip() and len(below) - len(below.lstrip()) <= indent:
                break
            block.append(below.strip())
        yield "\n".join(block)


def panels(dashboard):
    """All panels, those inside of rows too."""
    for panel in dashboard.get("panels", []):
        yield panel
        yield from panels(panel)


def dashboard_expressions(path):
    dashboard = json.loads(path.read_text())
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            yield target["expr"]
    for variable in dashboard.get("templating", {}).get("list", []):
        query = variable.get("query")
        if variable.get("type") == "query":
            found = re.match(r"label_values\((.*),\s*\w+\)$", query)
            if not found:
                raise SystemExit(f"{path}: the query of a variable has another form: {query}")
            yield found[1]


def names(expression):
    """The names of metrics in an expression of PromQL."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    if "__name__" in text:
        raise SystemExit(f"names are chosen by __name__, which cannot be listed: {expression}")
    text = re.sub(r"\{[^}]*\}", " ", text)
    text = re.sub(r"\[[^\]]*\]", " ", text)
    text = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    text = re.sub(r"\boffset\s+\w+", " ", text)
    for found in re.finditer(r"(?<![\w:.$])[a-zA-Z_:][\w:]*", text):
        name, behind = found[0], text[found.end() :].lstrip()
        if name.lower() not in WORDS and not behind.startswith("("):
            yield name


def ours(name):
    return name != "up" and ":" not in name and not name.startswith(OTHERS)


def main():
    used = set()
    for path in sorted((DEPLOY / "prometheus").glob("*.rules.yaml")):
        for expression in rule_expressions(path):
            used.update(names(expression))
    for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")):
        for expression in dashboard_expressions(path):
            used.update(names(expression))
    shown = set(LIST.read_text().split())
    used = {name if name in shown else re.sub(r"_(bucket|sum|count)$", "", name) for name in used if ours(name)}
    if sys.argv[1:] == ["--check"]:
        unknown = sorted(used - shown)
        if unknown:
            raise SystemExit(f"rules or dashboards use what no program shows: {', '.join(unknown)}")
        print(f"{len(used)} of {len(shown)} metrics are used, and each is one that a program shows")
    elif sys.argv[1:]:
        raise SystemExit(__doc__)
    else:
        print("\n".join(sorted(used)))


if __name__ == "__main__":
    main()
