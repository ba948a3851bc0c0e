#!/bin/sh
# Makes internal/pb/session.pb.go anew. Needs protoc (Debian: protobuf-compiler).
set -eu
cd "$(dirname "$0")"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
GOBIN=$tools go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
PATH=$tools:$PATH protoc --go_out=internal/pb --go_opt=paths=source_relative session.proto
