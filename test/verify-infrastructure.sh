#!/usr/bin/env bash
# Whether everything that the distributed exchange stands on answers: PostgreSQL, Redis, RabbitMQ, and the gateway itself.
#
#   test/verify-infrastructure.sh                     # all of it
#   test/verify-infrastructure.sh redis rabbitmq      # some of: compose postgresql redis rabbitmq gateway
#
# It needs no Docker; where a compose file and an engine are at hand, it also looks whether the containers run. Every check
# runs, a line each; the exit code is 0 only if none failed. It changes nothing.
#
# From the environment, under the names that deployment files use:
#   DATABASE_URL         postgres://user:password@host:port/name   postgres://postgres@localhost:5432/mytrader
#   REDIS_URL            redis://:password@host:port/0             redis://localhost:6379/0
#   RABBITMQ_URL         amqp://user:password@host:port/           amqp://guest:guest@localhost:5672/
#   RABBITMQ_MANAGEMENT  http://host:15672, asked for alarms       (not asked)
#   GATEWAY_URL          where the API listens                     http://localhost:8080
#   REDIS_ROOT_CERTIFICATE, RABBITMQ_ROOT_CERTIFICATE   files in PEM, for rediss:// and amqps://
#   COMPOSE_FILE         the compose file                          docker-compose.yml or docker/docker-compose.yml
set -u
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
DATABASE_URL=${DATABASE_URL:-postgres://postgres@localhost:5432/mytrader}
REDIS_URL=${REDIS_URL:-redis://localhost:6379/0}
RABBITMQ_URL=${RABBITMQ_URL:-amqp://guest:guest@localhost:5672/}
GATEWAY_URL=${GATEWAY_URL:-http://localhost:8080}
PATIENCE=10 # seconds that one question may take

if [ -t 1 ]; then
  green=$'\033[0;32m' red=$'\033[0;31m' plain=$'\033[0m'
else
  green='' red='' plain=''
fi
failed=0
passed=0
good() {
  echo "$green✓ $1$plain"
  passed=$((passed + 1))
}
bad() { # bad WHAT WHY
  echo "$red✗ $1: $2$plain"
  failed=$((failed + 1))
}
has() { command -v "$1" >/dev/null; }
in_time() { # at most PATIENCE seconds, where the system can count them
  if has timeout; then timeout "$PATIENCE" "$@"; else "$@"; fi
}

# The parts of scheme://user:password@host:port/rest, as url_user, url_password, url_host, url_port.
part() { # part URL USUAL_PORT
  local rest=${1#*://} credentials='' place
  rest=${rest%%[/?]*}
  place=${rest##*@}
  [ "$place" = "$rest" ] || credentials=${rest%@*}
  url_host=${place%:*} url_port=$2
  [ "$url_host" = "$place" ] || url_port=${place##*:}
  url_user=$(decoded "${credentials%%:*}")
  url_password=''
  [ "${credentials#*:}" = "$credentials" ] || url_password=$(decoded "${credentials#*:}")
}
# Passwords go by the environment: what stands in arguments, everybody on the machine can read.
without_credentials() { # the same URL without user and password
  local rest=${1#*://}
  [ "${rest%%[/?]*}" = "${rest%%[/?@]*}" ] || rest=${rest#*@}
  echo "${1%%://*}://$rest"
}
decoded() { printf '%b' "${1//%/\\x}"; }
without_password() { # for people to read
  part "$1" ''
  echo "$url_host${url_port:+:$url_port}"
}

compose() {
  local file=${COMPOSE_FILE:-} candidate states
  if [ -z "$file" ]; then
    for candidate in docker-compose.yml docker/docker-compose.yml compose.yaml; do
      [ -f "$root/$candidate" ] && file=$root/$candidate && break
    done
  fi
  if [ -z "$file" ] || ! has docker || ! in_time docker info >/dev/null 2>&1; then
    echo "- Docker Compose: not in use here, not looked at"
    return
  fi
  # What only prepares (migrations) has ended well, and its service is to end: it has no health check and no restart.
  local once=' (migrate|migrations|init|setup)[^ ]* exited +0$'
  states=$(in_time docker compose -f "$file" ps --all --format '{{.Service}} {{.State}} {{.Health}} {{.ExitCode}}') ||
    states=''
  states=$(sed 's/^/ /' <<<"$states")
  if ! grep -qE ' running ' <<<"$states"; then
    bad 'Docker Compose' "no container of $file runs"
  elif grep -vE "^ [^ ]+ running (healthy)? *0?$|$once" <<<"$states" | grep -q .; then
    bad 'Docker Compose' "$(grep -vE "^ [^ ]+ running (healthy)? *0?$|$once" <<<"$states" | tr '\n' ';')"
  else
    good 'Docker Compose: all containers run'
  fi
}

postgresql() {
  local where answer
  where=$(without_password "$DATABASE_URL")
  if ! has psql; then
    bad "PostgreSQL at $where" 'psql is missing: apt-get install postgresql-client'
  elif answer=$(
    part "$DATABASE_URL" ''
    [ -z "$url_user" ] || export PGUSER=$url_user
    [ -z "$url_password" ] || export PGPASSWORD=$url_password
    PGCONNECT_TIMEOUT=$PATIENCE in_time psql -X -w -At -d "$(without_credentials "$DATABASE_URL")" -c 'SELECT 1' 2>&1
  ) && [ "$answer" = 1 ]; then
    good "PostgreSQL at $where answers"
  else
    bad "PostgreSQL at $where" "${answer:-no answer in $PATIENCE s}"
  fi
}

redis() {
  local where answer
  where=$(without_password "$REDIS_URL")
  part "$REDIS_URL" 6379
  if has redis-cli; then
    local words=(-h "$url_host" -p "$url_port")
    [ -z "$url_user" ] || words+=(--user "$url_user")
    [ "${REDIS_URL%%://*}" = redis ] || words+=(--tls --sni "$url_host")
    [ -z "${REDIS_ROOT_CERTIFICATE:-}" ] || words+=(--cacert "$REDIS_ROOT_CERTIFICATE")
    answer=$(
      [ -z "$url_password" ] || export REDISCLI_AUTH=$url_password
      in_time redis-cli "${words[@]}" PING 2>&1
    )
  elif [ "${REDIS_URL%%://*}" = redis ]; then
    answer=$(PASSWORD=$url_password in_time bash -c "$(declare -f redis_ping); redis_ping \"\$@\"" - \
      "$url_host" "$url_port" "$url_user" 2>&1)
  else
    bad "Redis at $where" 'redis-cli is missing, which encrypted connections need: apt-get install redis-tools'
    return
  fi
  if [ "$answer" = PONG ]; then
    good "Redis at $where answers"
  else
    bad "Redis at $where" "${answer:-no answer in $PATIENCE s}"
  fi
}

# Without redis-cli: AUTH and PING as Redis reads them.
# shellcheck disable=SC2016
redis_ping() { # PASSWORD=... redis_ping HOST PORT USER
  local line
  set -- "$1" "$2" "$3" "$PASSWORD"
  exec 3<>"/dev/tcp/$1/$2" || return 1
  if [ -n "$4" ]; then
    if [ -n "$3" ]; then
      printf '*3\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n' "${#3}" "$3" "${#4}" "$4" >&3
    else
      printf '*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n' "${#4}" "$4" >&3
    fi
    read -r line <&3
    [ "${line%$'\r'}" = +OK ] || { echo "${line%$'\r'}"; return 1; }
  fi
  printf 'PING\r\n' >&3
  read -r line <&3
  line=${line%$'\r'}
  echo "${line#+}"
}

rabbitmq() {
  local where answer
  where=$(without_password "$RABBITMQ_URL")
  if [ "${RABBITMQ_URL%%://*}" = amqp ]; then
    part "$RABBITMQ_URL" 5672
    answer=$(PASSWORD=$url_password in_time bash -c "$(declare -f amqp_login amqp_method); amqp_login \"\$@\"" - \
      "$url_host" "$url_port" "$url_user" 2>&1)
  elif has openssl; then
    part "$RABBITMQ_URL" 5671
    # In TLS the first frame must do: the password is not tried.
    local words=(-quiet -connect "$url_host:$url_port")
    [ -z "${RABBITMQ_ROOT_CERTIFICATE:-}" ] || words+=(-verify_return_error -CAfile "$RABBITMQ_ROOT_CERTIFICATE")
    answer=$({ printf 'AMQP\0\0\t\1'; sleep 3; } | in_time openssl s_client "${words[@]}" 2>/dev/null |
      head -c 11 | od -An -tx1)
    answer=${answer//[[:space:]]/}
    if [ "${answer:14}" = 000a000a ]; then answer=in; else answer='it does not speak AMQP 0-9-1 in TLS that we trust'; fi
  else
    answer='openssl is missing, which encrypted connections need'
  fi
  if [ "$answer" = in ]; then
    good "RabbitMQ at $where answers"
  else
    bad "RabbitMQ at $where" "${answer:-no answer in $PATIENCE s}"
  fi
  [ -n "${RABBITMQ_MANAGEMENT:-}" ] && alarms
}

# The class and the number of the method in the next frame from descriptor 3, and nothing else of it.
amqp_method() {
  local header length
  header=$(head -c 7 <&3 | od -An -tx1 | tr -d ' \n')
  length=$((16#${header:6:8}))
  head -c $((length + 1)) <&3 | head -c 4 | od -An -tx1 | tr -d ' \n'
}

# Logs in as AMQP 0-9-1 has it: start, start-ok with PLAIN, tune. Says "in", or what came instead.
amqp_login() { # PASSWORD=... amqp_login HOST PORT USER
  local credentials body
  set -- "$1" "$2" "$3" "$PASSWORD"
  exec 3<>"/dev/tcp/$1/$2" || return 1
  printf 'AMQP\0\0\t\1' >&3
  [ "$(amqp_method)" = 000a000a ] || { echo 'it does not speak AMQP 0-9-1'; return 1; }
  credentials=$((2 + ${#3} + ${#4}))
  body=$((9 + 5 + 4 + credentials + 1 + 5))
  # shellcheck disable=SC2059
  {
    printf "\\1\\0\\0$(printf '\\x%02x' 0 0 $((body / 256)) $((body % 256)))\\0\\12\\0\\13\\0\\0\\0\\0\\5PLAIN"
    printf "$(printf '\\x%02x' 0 0 $((credentials / 256)) $((credentials % 256)))\\0%s\\0%s\\5en_US\\xce" "$3" "$4"
  } >&3
  if [ "$(amqp_method 2>/dev/null)" = 000a001e ]; then echo in; else echo 'it does not let this user in'; fi
}

alarms() {
  local answer
  part "$RABBITMQ_URL" ''
  local credentials="$url_user:$url_password"
  credentials=${credentials//\\/\\\\}
  answer=$(printf 'user = "%s"\n' "${credentials//\"/\\\"}" |
    curl -sS -m "$PATIENCE" -K - "$RABBITMQ_MANAGEMENT/api/health/checks/alarms" 2>&1)
  case $answer in
    *'"status":"ok"'*) good "RabbitMQ's management at $(without_password "$RABBITMQ_MANAGEMENT") knows of no alarm" ;;
    *) bad "RabbitMQ's management at $(without_password "$RABBITMQ_MANAGEMENT")" "${answer:-no answer}" ;;
  esac
}

gateway() {
  local path want answer
  if ! has curl; then
    bad "the gateway at $GATEWAY_URL" 'curl is missing: apt-get install curl'
    return
  fi
  for path in live:alive ready:ready; do
    want=${path#*:} path=/health/${path%:*}
    answer=$(curl -sS -m "$PATIENCE" "$GATEWAY_URL$path" 2>&1)
    case $answer in
      *"\"status\":\"$want\""*) good "the gateway at $GATEWAY_URL is $want" ;;
      *) bad "the gateway at $GATEWAY_URL$path" "${answer:-no answer}" ;;
    esac
  done
}

[ $# -gt 0 ] || set -- compose postgresql redis rabbitmq gateway
for check in "$@"; do
  case $check in
    compose | postgresql | redis | rabbitmq | gateway) ;;
    *)
      echo "verify-infrastructure: there is no check $check" >&2
      exit 2
      ;;
  esac
done
echo '=== Infrastructure'
for check in "$@"; do
  "$check"
done
if [ "$failed" -gt 0 ]; then
  echo "$red=== $failed failed, $passed passed$plain"
  exit 1
fi
echo "$green=== all $passed checks passed$plain"
