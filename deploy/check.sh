#!/usr/bin/env bash
# Checks everything in deploy/ that has a checker: rules and their tests, the settings of Prometheus and Alertmanager, routes,
# dashboards, the list of metrics, and that every alert has its page under docs/runbooks.
#
#   deploy/check.sh          # promtool and amtool from PATH, or PROMTOOL=... AMTOOL=...
#
# Debian has both: prometheus and prometheus-alertmanager.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PROMTOOL=${PROMTOOL:-promtool} AMTOOL=${AMTOOL:-amtool}

"$PROMTOOL" check config deploy/prometheus/prometheus.yml
for tests in deploy/prometheus/*.test.yaml; do
  "$PROMTOOL" test rules "$tests"
done

"$AMTOOL" check-config deploy/alertmanager/alertmanager.yml
routes=0
while read -r line; do
  case $line in '' | '#'*) continue ;; esac
  labels=${line% -> *} receiver=${line##* -> }
  # shellcheck disable=SC2086 # the labels are words of their own
  if ! told=$("$AMTOOL" config routes test --config.file=deploy/alertmanager/alertmanager.yml \
    --verify.receivers="$receiver" $labels 2>&1); then
    echo "routes.test: $labels goes to another receiver than $receiver: $told" >&2
    exit 1
  fi
  routes=$((routes + 1))
done <deploy/alertmanager/routes.test
echo "$routes routes lead where they should"

python3 deploy/grafana/check.py
python3 deploy/prometheus/names.py --check

# Every alert: a page, a line in their list, tests of both kinds; and no page without an alert.
alerts=$(sed -n 's/^ *- alert: //p' deploy/prometheus/*.rules.yaml | sort)
missing=0
for alert in $alerts; do
  rules=$(grep -l -- "- alert: $alert\$" deploy/prometheus/*.rules.yaml)
  tests=${rules%.rules.yaml}.test.yaml
  for wanted in "docs/runbooks/README.md:($alert.md)" "$rules:runbook_url: docs/runbooks/$alert.md" \
    "$tests:- name: $alert fires" "$tests:- name: $alert stays quiet" "docs/runbooks/$alert.md:## Symptoms" \
    "docs/runbooks/$alert.md:## First three commands" "docs/runbooks/$alert.md:## Mitigation" "docs/runbooks/$alert.md:## Escalation"; do
    if ! grep -qF -- "${wanted#*:}" "${wanted%%:*}"; then
      echo "$alert: ${wanted%%:*} does not have: ${wanted#*:}" >&2
      missing=1
    fi
  done
done
pages=$(cd docs/runbooks && for page in *.md; do [ "$page" = README.md ] || echo "${page%.md}"; done | sort)
if [ "$alerts" != "$pages" ]; then
  echo "alerts and pages under docs/runbooks differ:" >&2
  diff <(echo "$alerts") <(echo "$pages") >&2 || true
  missing=1
fi
[ "$missing" = 0 ] || exit 1
echo "$(echo "$alerts" | wc -l) alerts, each with its tests and its page"
