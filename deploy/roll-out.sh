#!/usr/bin/env bash
# Brings one release into one place, in an order in which old and new programs work beside each other: the schema, then
# wallets, matchers and gateways; back again the other way round, and without the schema.
#
#   deploy/roll-out.sh PLACE COMMIT REPOSITORY gateway=sha256:... matcher=sha256:... wallet-service=sha256:...
#
# PLACE is a folder of deploy/overlays; REPOSITORY the images' name without the program's: ghcr.io/me/trade-engine.
# From the environment:
#   RENDER_ONLY=1   prints what would be applied, and asks no cluster
#   BACK=1          a rollback: see deploy/may-roll-back.sh first
#   PATIENCE=10m    the longest wait for each program
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

PROGRAMS=(gateway matcher wallet-service)
if (($# != 3 + ${#PROGRAMS[@]})); then
  sed -n '2,11s/^# \{0,1\}//p' "${0##*/}" >&2
  exit 2
fi
place=$1 commit=$2 repository=$3
shift 3
[[ -f overlays/$place/kustomization.yaml ]] || { echo "there is no place $place" >&2; exit 2; }
[[ $commit =~ ^[0-9a-f]{40}$ ]] || { echo "$commit is no commit of 40 letters" >&2; exit 2; }
[[ $repository =~ ^[a-z0-9./:_-]+$ ]] || { echo "$repository is no name of images" >&2; exit 2; }

digest_of() { # digest_of PROGRAM PROGRAM=DIGEST...
  local program=$1 pair
  shift
  for pair; do
    if [[ $pair =~ ^"$program"=(sha256:[0-9a-f]{64})$ ]]; then
      echo "${BASH_REMATCH[1]}"
      return
    fi
  done
  echo "there is no digest of $program" >&2
  exit 2
}

work=$(mktemp -d overlays/.roll-out.XXXXXX)
trap 'rm -r "$work"' EXIT
{
  cat <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../$place
commonAnnotations:
  trade-engine/commit: "$commit"
images:
END
  for program in "${PROGRAMS[@]}"; do
    digest=$(digest_of "$program" "$@")
    printf '  - name: trade-engine-%s\n    newName: %s/%s\n    digest: %s\n' "$program" "$repository" "$program" "$digest"
  done
} >"$work/kustomization.yaml"
kubectl kustomize "$work" >"$work/all"
if [[ -n ${RENDER_ONLY:-} ]]; then
  cat "$work/all"
  exit
fi

namespace=trade-engine-$place
patience=${PATIENCE:-10m}
apply() { # apply COMPONENT...
  local IFS=,
  kubectl apply --filename "$work/all" --selector "app.kubernetes.io/component in ($*)"
}
migrate() {
  kubectl delete job/migrations --namespace "$namespace" --ignore-not-found --wait
  apply migrations
  if ! kubectl wait job/migrations --namespace "$namespace" --for condition=complete --timeout "$patience"; then
    kubectl logs job/migrations --namespace "$namespace" --tail 50 >&2 || true
    echo 'the migrations did not come to their end: no program was touched' >&2
    exit 1
  fi
}
program() { # program KIND/NAME
  apply "${1#*/}"
  kubectl rollout status "$1" --namespace "$namespace" --timeout "$patience"
}

apply settings network
if [[ -n ${BACK:-} ]]; then
  order=(deployment/gateway statefulset/matcher deployment/wallet deployment/auditor)
else
  migrate
  # The auditor must understand what the others write: it is the first forwards, and the last back.
  order=(deployment/auditor deployment/wallet statefulset/matcher deployment/gateway)
fi
for each in "${order[@]}"; do
  program "$each"
done
apply partitions monitoring
echo "$place runs $commit"
