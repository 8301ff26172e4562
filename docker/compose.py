#!/usr/bin/env python3
"""Whether every name in files of compose stands for something: what the schema does not look at, and compose refuses at its start.

    docker/compose.py compose.yaml

Services that others wait for, share or are linked to; volumes, networks, secrets and configs; files and folders of the repository
that are mounted. Whoever waits for a service must not have it left out by its profiles, nor wait for the health of one without a
health check. Needs PyYAML, and ends with 3 where that is missing.
"""

import pathlib
import sys

try:
    import yaml
except ImportError:
    print("PyYAML is not here: no names of compose were checked", file=sys.stderr)
    sys.exit(3)


def names(value):
    """The names in a list, or the keys of a mapping."""
    return list(value or [])


def sources(entries):
    """What is mounted: `SOURCE:TARGET` or `source: ...`; secrets and configs may be a name alone."""
    for entry in entries or []:
        if isinstance(entry, dict):
            if entry.get("type") != "tmpfs" and entry.get("source"):
                yield entry["source"]
        else:
            source, colon, _ = entry.partition(":")
            # One that names only where it goes is made anew, and has no name.
            if colon or not source.startswith("/"):
                yield source


def waited_for(service):
    """The services that this one stands on, each with what it waits for."""
    on = service.get("depends_on") or {}
    for other in on:
        yield other, on[other].get("condition", "") if isinstance(on, dict) else ""
    for link in names(service.get("links")):
        yield link.partition(":")[0], ""
    for key in ("network_mode", "pid", "ipc"):
        kind, _, other = str(service.get(key, "")).partition(":")
        if kind == "service":
            yield other, ""
    for other in names(service.get("volumes_from")):
        if not other.startswith("container:"):
            yield other.partition(":")[0], ""
    extended = service.get("extends")
    if isinstance(extended, str) or (extended and "file" not in extended):
        yield (extended if isinstance(extended, str) else extended["service"]), ""


def faults_of_service(name, file, folder):
    """What is wrong with one service."""
    services, service = file["services"], file["services"][name]
    for other, condition in waited_for(service):
        if other not in services:
            yield f"there is no service {other}"
            continue
        there, here = set(services[other].get("profiles") or []), set(service.get("profiles") or [])
        if there and not (here and here <= there):
            yield f"{other} is left out by its profiles where this runs"
        check = services[other].get("healthcheck") or {}
        if condition == "service_healthy" and (check.get("disable") or not (check or "build" in services[other])):
            yield f"{other} has no health check to wait for"
    for network in names(service.get("networks")):
        if network != "default" and network not in (file.get("networks") or {}):
            yield f"there is no network {network}"
    for source in sources(service.get("volumes")):
        if source.startswith("."):
            if not (folder / source).exists():
                yield f"there is no {source} to mount"
        elif not source.startswith(("/", "~", "$")) and source not in (file.get("volumes") or {}):
            yield f"there is no volume {source}"
    for kind in ("secrets", "configs"):
        for entry in service.get(kind) or []:
            wanted = entry["source"] if isinstance(entry, dict) else entry
            if wanted not in (file.get(kind) or {}):
                yield f"there is no {kind.removesuffix('s')} {wanted}"


def main():
    """Looks at each file."""
    if not sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    wrong = 0
    for path in map(pathlib.Path, sys.argv[1:]):
        file = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name in file["services"]:
            for fault in faults_of_service(name, file, path.parent):
                print(f"{path}: {name}: {fault}", file=sys.stderr)
                wrong += 1
        print(f"{path}: the names of {len(file['services'])} services, {wrong} faults")
    return 1 if wrong else 0


sys.exit(main())
