#!/usr/bin/env bash
# Whether the programs of an earlier commit may run on the schema of a later one: the schema stays where it is. They may
# where every migration between the two is named in deploy/old-programs-run-on.txt, and none of before was changed.
#
#   deploy/may-roll-back.sh RUNNING EARLIER     # two commits; the exit code tells
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

FOLDER=migrations/postgres
LIST=deploy/old-programs-run-on.txt
(($# == 2)) || { sed -n '2,5s/^# \{0,1\}//p' "deploy/${0##*/}" >&2; exit 2; }
running=$(git rev-parse --verify --quiet "$1^{commit}") || { echo "there is no commit $1" >&2; exit 2; }
earlier=$(git rev-parse --verify --quiet "$2^{commit}") || { echo "there is no commit $2" >&2; exit 2; }

migrations() { git ls-tree --name-only "$1:$FOLDER" 2>/dev/null || true; }
content() { git rev-parse --verify --quiet "$1:$FOLDER/$2" || true; }

refused=0
no() {
  echo "no: $1"
  refused=1
}
for name in $(migrations "$earlier"); do
  now=$(content "$running" "$name")
  [[ -n $now ]] || no "$name is not on the running schema: this is no way back but forward"
  [[ -z $now || $now == "$(content "$earlier" "$name")" ]] || no "$name is not what it was"
done
for name in $(migrations "$running"); do
  if [[ -z $(content "$earlier" "$name") ]]; then
    # As the running commit says it: who wrote the migration has seen it.
    if git show "$running:$LIST" 2>/dev/null | grep --quiet --line-regexp --fixed-strings "$name"; then
      echo "the programs of before run on $name"
    else
      no "nobody has said in $LIST that the programs of before run on $name"
    fi
  fi
done
((refused == 0)) && echo "yes: the programs of $earlier run on the schema of $running"
exit "$refused"
