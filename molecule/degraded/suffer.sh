#!/bin/sh
# One way for Ollama to fail. Usage: suffer.sh PROJECT EVENT
set -eu
ollama=$1-ollama-1

case $2 in
    killed) kill -KILL "$(docker inspect --format '{{.State.Pid}}' "$ollama")" ;;
    runner_killed) docker top "$ollama" -eo pid,args | awk '/ --model | runner / { print $1 }' | xargs kill -KILL ;;
    stopped) docker stop "$ollama" ;;
    paused) docker pause "$ollama" ;;
    nameless) docker network disconnect "$1_archiv-net" "$ollama" ;;
    forgotten)
        rm -r "$(docker volume inspect --format '{{.Mountpoint}}' "$1_ollama-models")"/models/manifests/*
        docker restart "$ollama"
        ;;
    *) exit 2 ;;
esac
