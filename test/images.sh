#!/usr/bin/env bash
# Whether the images work as compose.yaml puts them together, where no engine can run it: containers of buildah, on servers of
# this machine that run with the same files (docker/postgres, docker/pgbouncer, docker/redis, docker/rabbitmq, docker/nginx).
#
#   test/images.sh [REPOSITORY] [TAG]      # trade-engine dev; `cargo xtask image build` makes them
#
# Migrates, starts a wallet service, a matcher and two gateways as uid 65532, asks each for its health with its image's own
# health check, places an order and watches it trade through nginx. Everything ends with the script. Needs root, buildah,
# PostgreSQL, Redis, RabbitMQ, nginx, curl, and a PgBouncer that test/pgbouncer.sh can find or build (in the folder PGBOUNCER).
set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
repository=${1:-trade-engine} tag=${2:-dev}
# shellcheck source=/dev/null
set -a && . "$root/.env.example" && set +a
scratch=$(mktemp -d)
chmod 755 "$scratch"
pids=() containers=() ports=()
# Each job is a process group.
set -m
leave() {
  local code=$? pid
  trap - EXIT
  trap '' PIPE
  set +e
  [ $code = 0 ] || tail -n 15 "$scratch"/*.log >&2
  # Each with all that it has started, the last one first; what does not end is killed.
  for signal in TERM KILL; do
    for pid in ${pids[@]+"${pids[@]}"}; do kill -s $signal -- "-$pid" 2>/dev/null; done
    for _ in $(seq 50); do
      jobs -r | grep -q . || break
      sleep 0.2
    done
  done
  ERL_EPMD_PORT=${ports[8]:-1} epmd -kill >/dev/null 2>&1
  ((${#containers[@]} == 0)) || buildah rm "${containers[@]}" >/dev/null
  rm -rf "$scratch"
  exit $code
}
trap leave EXIT
as() { setpriv --reuid "$(id -u "$1")" --regid "$(id -g "$1")" --clear-groups -- "${@:2}"; }
start() { # start NAME COMMAND...
  "${@:2}" >>"$scratch/$1.log" 2>&1 &
  pids=($! "${pids[@]}")
}
until_it() { # until_it WHAT COMMAND...
  for _ in $(seq 60); do
    if "${@:2}" >"$scratch/last.log" 2>&1; then
      echo "$1"
      return
    fi
    sleep 0.2
  done
  echo "images: never: $1" >&2
  return 1
}
folder() { install -d -o "$2" -g "$(id -gn "$2")" "$scratch/$1"; }
for number in $(seq 0 15); do ports+=($((24000 + $$ % 500 * 16 + number))); done
pg=${ports[0]} pooled=${ports[1]} redis=${ports[2]} amqp=${ports[3]} management=${ports[4]} balanced=${ports[5]}

# PostgreSQL, with the logins that compose.yaml makes.
bin=$(pg_config --bindir 2>/dev/null || dirname "$(find /usr/lib/postgresql -name initdb | sort | tail -n 1)")
folder postgres postgres
as postgres "$bin/initdb" -D "$scratch/postgres" -U postgres --encoding=UTF8 --auth=trust >"$scratch/postgres.log"
sed -i 's/^host .*127.*trust/host all postgres 127.0.0.1\/32 trust\nhost all all 127.0.0.1\/32 scram-sha-256/' \
  "$scratch/postgres/pg_hba.conf"
start postgres as postgres "$bin/postgres" -D "$scratch/postgres" -p "$pg" -c listen_addresses=127.0.0.1 \
  -c unix_socket_directories="$scratch/postgres" -c max_connections=200
export PGHOST=127.0.0.1 PGPORT=$pg POSTGRES_USER=postgres POSTGRES_DB=mytrader
until_it 'PostgreSQL answers' "$bin/psql" -U postgres -c 'CREATE DATABASE mytrader'
"$root/docker/postgres/logins.sh"

pgbouncer=$("$root/test/pgbouncer.sh" "${PGBOUNCER:-$scratch/pgbouncer-built}")
folder pgbouncer postgres
cp "$pgbouncer/pgbouncer" "$scratch/pgbouncer/pgbouncer"
sed "s/host=postgres port=5432/host=127.0.0.1 port=$pg/; s/^listen_addr.*/listen_addr = 127.0.0.1/; s/^listen_port.*/listen_port = $pooled/
  s#/tmp/users.txt#$scratch/pgbouncer/users.txt#" "$root/docker/pgbouncer/pgbouncer.ini" >"$scratch/pgbouncer/pgbouncer.ini"
sed "s#/tmp/users.txt#$scratch/pgbouncer/users.txt#" "$root/docker/pgbouncer/start.sh" >"$scratch/pgbouncer/start.sh"
PATH=$scratch/pgbouncer:$PATH start pgbouncer as postgres sh "$scratch/pgbouncer/start.sh" "$scratch/pgbouncer/pgbouncer.ini"

folder redis nobody
start redis redis-server "$root/docker/redis/redis.conf" --port "$redis" --bind 127.0.0.1 --dir "$scratch/redis" \
  --requirepass "$REDIS_PASSWORD" --maxmemory "$REDIS_MAXMEMORY"

folder rabbitmq rabbitmq
sed "s/= 5672/= 127.0.0.1:$amqp/; s/^management.tcp.port.*/management.tcp.port = $management\nmanagement.tcp.ip = 127.0.0.1/
  s/^prometheus.tcp.port.*/prometheus.tcp.port = ${ports[6]}/" "$root/docker/rabbitmq/rabbitmq.conf" >"$scratch/rabbitmq.conf"
printf 'default_user = %s\ndefault_pass = %s\n' "$RABBITMQ_USER" "$RABBITMQ_PASSWORD" >>"$scratch/rabbitmq.conf"
start rabbitmq as rabbitmq env HOME="$scratch/rabbitmq" RABBITMQ_NODENAME="images$$@localhost" RABBITMQ_CONFIG_FILE="$scratch/rabbitmq.conf" \
  RABBITMQ_MNESIA_BASE="$scratch/rabbitmq" RABBITMQ_LOG_BASE="$scratch/rabbitmq" RABBITMQ_DIST_PORT="${ports[7]}" \
  ERL_EPMD_PORT="${ports[8]}" ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_ENABLED_PLUGINS_FILE="$root/docker/rabbitmq/enabled_plugins" \
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' rabbitmq-server
until_it 'PgBouncer lets the gateway in' env PGPASSWORD="$GATEWAY_DB_PASSWORD" "$bin/psql" -p "$pooled" -U gateway -d mytrader -c 'SELECT 1'
until_it 'Redis answers' sh -c "REDISCLI_AUTH=$REDIS_PASSWORD redis-cli -p $redis ping | grep -x PONG"
until_it 'RabbitMQ answers' curl -fs -u "$RABBITMQ_USER:$RABBITMQ_PASSWORD" "http://127.0.0.1:$management/api/health/checks/alarms"

# The programs, each in a container of its image.
export TRADE_ENGINE_MODE=distributed TRADE_ENGINE_DATABASE__NAME=mytrader TRADE_ENGINE_DATABASE__HOST=127.0.0.1
export TRADE_ENGINE_REDIS__HOST=127.0.0.1 TRADE_ENGINE_REDIS__PORT=$redis TRADE_ENGINE_REDIS__PASSWORD=$REDIS_PASSWORD
export TRADE_ENGINE_RABBITMQ__HOST=127.0.0.1 TRADE_ENGINE_RABBITMQ__PORT=$amqp TRADE_ENGINE_RABBITMQ__USER=$RABBITMQ_USER
export TRADE_ENGINE_RABBITMQ__PASSWORD=$RABBITMQ_PASSWORD TRADE_ENGINE_AUTH__SECRET=$AUTH_SECRET
export TRADE_ENGINE_AUTH__API_KEY_SECRET=$API_KEY_SECRET TRADE_ENGINE_WALLET__SECRET=$WALLET_SECRET
export TRADE_ENGINE_WALLET__PORT=${ports[9]} TRADE_ENGINE_WALLET__URL=http://127.0.0.1:${ports[9]}
within() { # within CONTAINER SETTINGS... -- WORDS...: the program of its image, as the user of its image
  local container=$1 words=() settings=()
  shift
  while [ "$1" != -- ]; do settings+=(--env "$1") && shift; done
  shift
  while IFS= read -r setting; do words+=(--env "$setting"); done < <(env | grep '^TRADE_ENGINE_')
  # No capability is left, as with cap_drop.
  buildah run --isolation chroot --cap-drop all "${words[@]}" "${settings[@]}" "$container" -- "$@"
}
container() { # container PROGRAM: a new one, named in $made
  made=$(buildah from --pull-never "$repository/$1:$tag")
  containers+=("$made")
}
direct=("TRADE_ENGINE_DATABASE__PORT=$pg")
through=("TRADE_ENGINE_DATABASE__PORT=$pooled" TRADE_ENGINE_DATABASE__TRANSACTION_POOLING=true)
container gateway
gateway=$made
container matcher
matcher=$made
container wallet-service
wallet=$made
# What the images say of themselves. A health check is part of Docker's format alone.
said_by() { buildah inspect --type image --format "$2" "$repository/$1:$tag"; }
for program in gateway matcher wallet-service; do
  user=$(said_by "$program" '{{.OCIv1.Config.User}}')
  [ "$user" = 65532:65532 ] || { echo "images: the user of $program is \"$user\"" >&2; exit 1; }
  check=$(said_by "$program" '{{if .Docker.Config.Healthcheck}}{{.Docker.Config.Healthcheck.Test}}{{end}}')
  [ "$check" = "[CMD /usr/local/bin/$program healthcheck]" ] ||
    { echo "images: the health check of $program is \"$check\"" >&2; exit 1; }
done
echo 'each image has the user 65532 and its own program as health check'
within "$gateway" "${direct[@]}" TRADE_ENGINE_DATABASE__USER=postgres -- /usr/local/bin/gateway migrate up
start wallet within "$wallet" "${through[@]}" TRADE_ENGINE_DATABASE__USER=wallet \
  "TRADE_ENGINE_DATABASE__DIRECT_URL=postgres://wallet:$WALLET_DB_PASSWORD@127.0.0.1:$pg/mytrader" "TRADE_ENGINE_DATABASE__PASSWORD=$WALLET_DB_PASSWORD" \
  "TRADE_ENGINE_WALLET__METRICS_PORT=0" -- /usr/local/bin/wallet-service serve
until_it 'the wallet service says itself that it is healthy' within "$wallet" "${direct[@]}" -- /usr/local/bin/wallet-service healthcheck
matchers=("${direct[@]}" TRADE_ENGINE_DATABASE__USER=matcher "TRADE_ENGINE_DATABASE__PASSWORD=$MATCHER_DB_PASSWORD"
  "TRADE_ENGINE_SERVER__METRICS_PORT=${ports[10]}")
start matcher within "$matcher" "${matchers[@]}" -- /usr/local/bin/matcher run
until_it 'the matcher says itself that it is healthy' within "$matcher" "${matchers[@]}" -- /usr/local/bin/matcher healthcheck
for number in 0 1; do
  http=${ports[11 + number]} websocket=${ports[13 + number]}
  gateways=("${through[@]}" TRADE_ENGINE_DATABASE__USER=gateway
    "TRADE_ENGINE_DATABASE__DIRECT_URL=postgres://gateway:$GATEWAY_DB_PASSWORD@127.0.0.1:$pg/mytrader" "TRADE_ENGINE_DATABASE__PASSWORD=$GATEWAY_DB_PASSWORD"
    "TRADE_ENGINE_SERVER__HTTP_PORT=$http" "TRADE_ENGINE_SERVER__WEBSOCKET_PORT=$websocket" TRADE_ENGINE_SERVER__METRICS_PORT=0)
  start "gateway-$((number + 1))" within "$gateway" "${gateways[@]}" -- /usr/local/bin/gateway run
  until_it "gateway-$((number + 1)) says itself that it is healthy" within "$gateway" "${gateways[@]}" -- /usr/local/bin/gateway healthcheck
done

folder nginx www-data
sed "s#/tmp/#$scratch/nginx/#; s/listen 8080/listen 127.0.0.1:$balanced/; s/listen 8081/listen 127.0.0.1:${ports[15]}/
  s/gateway-1:8080/127.0.0.1:${ports[11]}/; s/gateway-2:8080/127.0.0.1:${ports[12]}/
  s/gateway-1:8081/127.0.0.1:${ports[13]}/; s/gateway-2:8081/127.0.0.1:${ports[14]}/" "$root/docker/nginx/nginx.conf" >"$scratch/nginx/nginx.conf"
start nginx as www-data nginx -c "$scratch/nginx/nginx.conf" -e stderr -g 'daemon off;'
until_it 'nginx leads to gateways that are ready' curl -fs "http://127.0.0.1:$balanced/health/ready"
for program in gateway matcher wallet-service; do
  uids=$(ps -eo uid,args | awk -v program="/usr/local/bin/$program" '$2 == program {print $1}' | sort -u | tr '\n' ' ')
  [ "$uids" = '65532 ' ] || { echo "images: $program runs as uid \"$uids\", not 65532" >&2; exit 1; }
  echo "$program runs as uid $uids"
done
commit=$(curl -fs "http://127.0.0.1:${ports[10]}/metrics" | sed -n 's/^build_info{.*commit="\([^"]*\)".*/\1/p' || true)
[[ $commit =~ ^[0-9a-f]{40}(-dirty)?$ ]] || { echo "images: the matcher's commit is \"$commit\": see BUILD_COMMIT" >&2; exit 1; }
echo "the matcher was built from $commit"
order() { # order USER SIDE
  local token answer
  token=$(within "$gateway" "${gateways[@]}" -- /usr/local/bin/gateway token "$1")
  answer=$(curl -s "http://127.0.0.1:$balanced/api/v1/orders" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
    -d "{\"symbol\":\"BTC/USDT\",\"side\":\"$2\",\"order_type\":\"LIMIT\",\"price\":\"60000\",\"quantity\":\"0.01\"}")
  grep -o '"status":"[A-Z]*"' <<<"$answer" || { echo "images: $1 is answered with $answer" >&2; return 1; }
}
# The matcher may take up the markets a moment after it is ready.
until_it 'alice buys' order alice BUY
[ "$(order bob SELL)" = '"status":"FILLED"' ]
echo 'bob sells to her: FILLED'
echo 'images: passed'
