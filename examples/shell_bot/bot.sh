#!/usr/bin/env bash
# A bot in a language that has no Redis client: bash, speaking RESP by hand and JSON lines with the harness.
connect() { exec 3<>"/dev/tcp/$REDIS_HOST/$REDIS_PORT"; } 2>/dev/null

ask() { # words of a command → $reply, or failure where none came within a second
    { printf '*%d\r\n' $# && printf '$%d\r\n%s\r\n' $(for word; do echo "${#word} $word"; done); } >&3 || return
    IFS= read -r -t 1 reply <&3 || return
    reply=${reply%$'\r'}
    case $reply in
        '$-1') reply=null ;;
        '$'*) IFS= read -r -t 1 reply <&3 && reply="\"${reply%$'\r'}\"" ;;
        +*) reply="\"${reply#+}\"" ;;
    esac
}

connect && trap '' PIPE
echo '{"ready": true}'
while IFS= read -r line; do
    [[ $line =~ \"id\":([0-9]+),\"name\":\"([a-z]+)\",\"key\":\"([^\"]+)\"(,\"input\":\"([^\"]*)\")? ]] || continue
    words=(GET "${BASH_REMATCH[3]}")
    [ "${BASH_REMATCH[2]}" = write ] && words=(SET "${BASH_REMATCH[3]}" "${BASH_REMATCH[5]}")
    if ask "${words[@]}" 2>/dev/null; then
        [[ $reply == -* ]] && said="\"outcome\": \"fail\", \"error\": \"${reply#-}\"" || said="\"output\": $reply"
        echo "{\"id\": ${BASH_REMATCH[1]}, $said}"
    else
        echo "{\"id\": ${BASH_REMATCH[1]}, \"outcome\": \"unknown\", \"error\": \"no reply\"}"
        connect # a late reply must not be taken for the next one
    fi
done
