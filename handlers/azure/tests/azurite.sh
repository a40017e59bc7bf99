#!/usr/bin/env bash
# Runs the tests of blob storage, and whole deliveries, against Azurite. It is installed below target/ and started on a free port.
set -euo pipefail
cd "$(dirname "$0")/../../.."

version=3.35.0
folder="${CARGO_TARGET_DIR:-target}/azurite-$version"
mkdir -p "$folder"
if [ ! -x "$folder/node_modules/.bin/azurite-blob" ]; then
  npm install --prefix "$folder" --no-audit --no-fund --loglevel=error "azurite@$version"
fi

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$folder/node_modules/.bin/azurite-blob" --blobHost 127.0.0.1 --blobPort "$port" --inMemoryPersistence \
  --disableTelemetry --silent &
azurite=$!
trap 'kill "$azurite"' EXIT
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
  kill -0 "$azurite"
  sleep 0.2
done

# The account and the key that every Azurite has.
key='Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
TRAINYARD_AZURITE="AccountName=devstoreaccount1;AccountKey=$key;BlobEndpoint=http://127.0.0.1:$port/devstoreaccount1" \
  cargo test -p trainyard-azure --test calls --test delivery azurite -- --ignored "$@"
