#!/bin/sh
# A service manager that speaks systemctl's words and really runs its services: `ward.py ROLE PLACE` for each unit.
place=@PLACE@
ward=@WARD@

# What is known of a unit: its process, and which start of it that is.
know() {
    pid=0 invocation=0
    [ ! -e "$place/unit-$1" ] || read -r pid invocation <"$place/unit-$1"
}

lives() {
    [ -e "/proc/$1/stat" ] || return 1
    read -r line 2>/dev/null <"/proc/$1/stat" || return 1
    case "${line##*) }" in Z* | X*) return 1 ;; esac
}

# It lives, and is in a session of another.
on_its_way() {
    lives "$1" || return 1
    sid=${line##*) }
    sid=${sid#* * * }
    [ "${sid%% *}" != "$1" ]
}

stop() {
    know "$1"
    [ "$pid" = 0 ] || kill -9 "$pid" 2>/dev/null
    while [ "$pid" != 0 ] && lives "$pid"; do sleep 0.01; done
}

start() {
    know "$1"
    setsid "$ward" "$1" "$place" </dev/null >/dev/null 2>&1 &
    # Whoever started this script ends its group with it: the service has to be on its own by then.
    while on_its_way "$!"; do sleep 0.01; done
    echo "$! $((invocation + 1))" >"$place/unit-$1.part"
    mv "$place/unit-$1.part" "$place/unit-$1"
}

show() {
    unit=${1%.service}
    case "$unit" in
    app | helper | klipper | moonraker) ;;
    *)
        printf 'Id=%s\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n\n' "$1"
        return
        ;;
    esac
    know "$unit"
    active=failed sub=failed result=exit-code
    if lives "$pid"; then active=active sub=running result=success; fi
    printf 'Id=%s\nLoadState=loaded\nActiveState=%s\nSubState=%s\nResult=%s\n' "$1" $active $sub $result
    printf 'Type=simple\nInvocationID=%s\nNRestarts=0\n\n' "$invocation"
}

case "$*" in
"show "*)
    while [ "$1" != -- ]; do shift; done
    shift
    for unit; do show "$unit"; done
    ;;
*"restart -- "* | *"stop -- "*)
    for word; do unit=${word%.service}; done
    # One goes along with another.
    case "$unit" in app) parts="app helper" ;; *) parts=$unit ;; esac
    for one in $parts; do
        stop "$one"
        case "$*" in *"restart -- "*) start "$one" ;; esac
    done
    ;;
"list-units "*) ;;
*)
    echo "never heard of $*" >&2
    exit 1
    ;;
esac
