#!/bin/bash
# Fuzzes each target of the list beside this file for a while, two at a time
# with one worker each, so that all of them take a few minutes on two cores.
#
#   internal/fuzz/short.sh [30s]
#
# What it finds is written by `go test` under testdata/fuzz of the package, to be
# committed with the repair; the line that repeats it is printed.
set -u
cd "$(dirname "$0")/../.."
export FUZZ_TIME=${1:-30s}
GO=${GO:-go}
export GO

one() {
	local package=${1%:*} target=${1#*:} out code
	out=$(mktemp) || exit 1
	"$GO" test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZ_TIME" -fuzzminimizetime 10x -parallel 1 "./$package" >"$out" 2>&1
	code=$?
	# The end of the time can catch a worker in the middle of an input, which
	# `go test` then reports as a failure without any input to show for it.
	if [ $code -ne 0 ] && ! grep -q 'Failing input written' "$out" && grep -q '^ *context deadline exceeded$' "$out"; then
		code=0
	fi
	if [ $code -eq 0 ]; then
		echo "fuzz $1: $(grep -oE 'execs: [0-9]+' "$out" | tail -1), nothing found in $FUZZ_TIME"
	else
		echo "fuzz $1: FAILED"
		cat "$out"
		echo "repeat it with: go test -run '$target' ./$package (the input is in $package/testdata/fuzz/$target)"
	fi
	rm -f "$out"
	return $code
}
export -f one

# Built first, one after the other: two compilers at once would eat the time of
# the fuzzing.
while read -r t; do
	"$GO" test -run '^$' -fuzz "^${t#*:}\$" -fuzztime 1x -parallel 1 "./${t%:*}" >/dev/null 2>&1
done < <(grep -v '^#' internal/fuzz/targets)

grep -v '^#' internal/fuzz/targets | xargs -P 2 -I{} bash -c 'one "$1"' _ {}
