#!/bin/sh
# nightly-export.sh SPEC DIR: export the dataset of SPEC, unless a task of another night still writes below DIR.
#
# A transient error (exit code 5) and an unknown outcome (10) are tried once more: --reuse-running and
# --reuse-within take a task that the first try has made after all. A task that is unfinished when --timeout
# expires (8) goes on; the next night skips while it does.
set -eu
if [ $# -ne 2 ]; then
    echo "usage: nightly-export.sh SPEC DIR" >&2
    exit 2
fi
spec=$1 dir=$2

# One process at a time exports a spec, and another one ends in silence. The lock needs no file of its own.
exec 9<"$spec"
flock -n 9 || exit $(($? == 1 ? 0 : $?))

set -a
. "${EXPORT_ENV:-/etc/modelarts-export/export.env}"
set +a
PATH=/opt/modelarts-export/bin:$PATH

# 20h: a start by hand in the morning, or in the evening, finds the task of the night in the directory of that
# day; and the next night is later than that, so that it exports anew also where the path has no date.
export_once() {
    modelarts-export to-obs -q -f "$spec" --skip-if-running "$dir" --reuse-running --reuse-within 20h \
        --wait --timeout 6h 2>&1
}

code=0
report=$(export_once) || code=$?
case $code in
5 | 10)
    sleep "${EXPORT_PAUSE:-900}"
    code=0
    report=$(export_once) || code=$?
    ;;
esac
[ -z "$report" ] || printf '%s\n' "$report"
exit "$code"
