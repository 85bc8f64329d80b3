#!/bin/sh
# Pickles one behind the other, from a pipe: dill-temp.md "IO Buffer Operations" for streams.
set -eu
printf 'I1\n.Vtwo\n.(I3\nI4\nt.' | mayfly inspect - --json
