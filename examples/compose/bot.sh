#!/usr/bin/env bash
# A bot without libraries: counts `bot:ticks` five times a second, and connects anew when that fails.
trap 'exit 0' TERM INT

tick() {
    printf 'INCR bot:ticks\r\n' >&3 && IFS= read -r -t 1 reply <&3 && [[ $reply == :* ]]
}

while true; do
    if { exec 3<>"/dev/tcp/$REDIS_HOST/$REDIS_PORT"; } 2>/dev/null; then
        echo "connected to $REDIS_HOST:$REDIS_PORT"
        while tick; do sleep 0.2; done
        exec 3>&-
        echo "lost the connection, after ${reply:-no reply}"
    fi
    sleep 0.2
done
