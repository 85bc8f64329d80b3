#!/bin/sh
# The source of a function out of a program, and back: dill-temp.md "Source Code Operations".
set -eu
printf 'static int twice(int x) { return 2 * x; }\nint grow(int x) { return twice(x) + 1; }\n' >grow.c
echo 'int main(void) { return 0; }' >>grow.c
cc -g grow.c -o grow
mayfly source grow grow >grown.c
cat grown.c
[ "$(mayfly call grown.c grow 5)" = 11 ]
