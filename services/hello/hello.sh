#!/bin/sh
# Greets, tells what it runs on, and ends: with 0 when all was said, else with a reason on standard error.
#
#   GREETING        what to say; one line of at most 200 bytes
#   HARBOUR_MASTER  a secret of production; whether it came is told, its value never
#
# The first argument is put before /proc and /sys, so that tests can show it another machine.
set -eu

root=${1:-}
trap 'exit 143' TERM # as process 1 of a container a shell without a trap ignores it

fail() { # fail <exit code> <reason>
    printf 'hello: %s\n' "$2" >&2
    exit "$1"
}

greeting() {
    text=${GREETING-Hello from the harbour}
    case $text in
        '' | *[![:space:]]*) ;;
        *) text='' ;;
    esac
    [ -n "$text" ] || fail 2 'GREETING: is empty; write what to say, or leave it out'
    [ "${#text}" -le 200 ] || fail 2 "GREETING: has ${#text} bytes; write at most 200"
    case $text in
        *[[:cntrl:]]*) fail 2 'GREETING: has a control character; write one line of text' ;;
    esac
    printf '%s' "$text"
}

platform() {
    if [ -n "${ECS_CONTAINER_METADATA_URI_V4:-}" ]; then
        printf 'Amazon ECS (%s)' "${AWS_EXECUTION_ENV:-launch type unknown}"
    elif [ -n "${KUBERNETES_SERVICE_HOST:-}" ]; then
        printf 'Kubernetes'
    else
        printf 'a container engine on one machine'
    fi
}

# first_line <file>...: of the first file that is there; nothing if none is.
first_line() {
    for file in "$@"; do
        if [ -r "$file" ] && read -r line <"$file"; then
            printf '%s' "$line"
            return
        fi
    done
}

# Control groups, version 2 first, then version 1: the kernel's side of --cpus and --memory.
cpu_limit() {
    limit=$(first_line "$root/sys/fs/cgroup/cpu.max")
    quota=${limit% *} period=${limit#* }
    if [ -z "$limit" ]; then
        quota=$(first_line "$root/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
        period=$(first_line "$root/sys/fs/cgroup/cpu/cpu.cfs_period_us")
    fi
    case $quota in
        '' | max | -1) printf 'none' ;;
        *) printf '%d.%02d CPU' $((quota / period)) $((quota * 100 / period % 100)) ;;
    esac
}

memory_limit() {
    limit=$(first_line "$root/sys/fs/cgroup/memory.max" "$root/sys/fs/cgroup/memory/memory.limit_in_bytes")
    case $limit in
        '' | max | 9223372036854771712) printf 'none' ;; # the last is how version 1 says "none"
        *) printf '%d MiB' $((limit / 1048576)) ;;
    esac
}

root_file_system() {
    mode=unknown
    [ -r "$root/proc/mounts" ] || { printf '%s' "$mode" && return; }
    while read -r _ point _ options _; do
        [ "$point" = / ] || continue
        case ,$options, in
            *,ro,*) mode=read-only ;;
            *) mode=writable ;;
        esac
    done <"$root/proc/mounts"
    printf '%s' "$mode"
}

# One assignment each, since a failure inside of one ends the script and a failure inside of a text would not.
greeting=$(greeting)
host=$(uname -n) kernel=$(uname -sr) architecture=$(uname -m)
cpu=$(cpu_limit)
memory=$(memory_limit)
user=$(id -u) group=$(id -g)
root_file_system=$(root_file_system)
platform=$(platform)
master='not given'
[ -z "${HARBOUR_MASTER:-}" ] || master=known

# Written at once: all of it, or an error.
printf '%s\n' "$greeting" \
    "  host:              $host" \
    "  kernel:            $kernel" \
    "  architecture:      $architecture" \
    "  CPU limit:         $cpu" \
    "  memory limit:      $memory" \
    "  user and group:    $user:$group" \
    "  root file system:  $root_file_system" \
    "  platform:          $platform" \
    "  environment:       ${DEPLOY_ENVIRONMENT:-local}" \
    "  harbour master:    $master" \
    2>/dev/null || fail 1 'standard output cannot be written'
