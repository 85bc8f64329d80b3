#!/bin/sh
# mayfly call, as a shell user meets it.
. "$MFT_SOURCE/tests/lib/cli.inc"

if ! $mayfly help call >/dev/null 2>&1; then
    echo "skip call: this build has no mayfly-source"
    exit 0
fi
XDG_CACHE_HOME=$base/xdg
mkdir "$XDG_CACHE_HOME"
export XDG_CACHE_HOME
unset CC
cat >"$base/sums.c" <<'END'
#include <math.h>
#include <stdio.h>
#ifndef BY
#define BY 1
#endif
static int add(int a, int b) { return a + b * BY; }
double distance(double x, double y) { return sqrt(x * x + y * y); }
const char *greet(const char *name) {
    static char text[99];
    snprintf(text, sizeof text, "hello %s", name);
    return text;
}
void say(const char *what) { puts(what); }
END

result() { status 0 "$@" && cat "$base/stdout"; }

check S1_a_function_is_called_and_its_result_printed '
    [ "$(result $mayfly call $base/sums.c add 40 2)" = 42 ] && [ "$(result $mayfly call $base/sums.c distance 3 4)" = 5 ] &&
    [ "$(result $mayfly call $base/sums.c greet "you all")" = "hello you all" ] && [ "$(result $mayfly call $base/sums.c say hm)" = hm ]'
check S1_negative_numbers_stand_behind_dashes '
    [ "$(result $mayfly call $base/sums.c add -- -40 -2)" = -42 ] && status 2 $mayfly call $base/sums.c add -40 -2 && says "-4"'
check S1_flags_libraries_and_compilers_are_taken '
    [ "$(result $mayfly call -f -DBY=10 -l m $base/sums.c add 1 2)" = 21 ] &&
    { ! command -v clang >/dev/null || [ "$(result $mayfly call -c clang $base/sums.c add 1 2)" = 3 ]; }'
check S1_wrong_arguments_are_wrong_usage '
    status 2 $mayfly call && status 2 $mayfly call $base/sums.c && status 2 $mayfly call $base/sums.c add 1 && says "takes 2 arguments, not 1" &&
    status 2 $mayfly call $base/sums.c add 1 x && says "argument 2" && status 2 $mayfly call $base/sums.c add 1 99999999999 && says "argument 2" &&
    status 1 $mayfly call $base/sums.c nothere 1 && says "nothere" && status 1 $mayfly call $base/none.c f && says none.c'
check S3_a_syntax_error_is_told_with_file_and_line '
    printf "int f(int x)\n{\n    return x +;\n}\n" >$base/bad.c && status 1 $mayfly call $base/bad.c f 1 && says "bad.c:3:" && says "return x +;"'
check S3_a_missing_compiler_is_told 'status 1 $mayfly call -c no-such-cc $base/sums.c add 1 2 && says "no-such-cc" && says install'
check S1_files_of_others_are_refused '
    cp $base/sums.c $base/open.c && chmod 666 $base/open.c && status 1 $mayfly call $base/open.c add 1 2 && says "others may write" &&
    [ "$(result $mayfly call --any-owner $base/open.c add 1 2)" = 3 ] && ln -s sums.c $base/link.c && status 1 $mayfly call $base/link.c add 1 2 && says link'
check S1_constructors_are_refused '
    printf "#include <stdio.h>\n__attribute__((constructor)) static void go(void) { puts(\"ran\"); }\nint f(void) { return 1; }\n" >$base/self.c &&
    status 1 $mayfly call $base/self.c f && says constructors && [ ! -s $base/stdout ] && status 0 $mayfly call --constructors $base/self.c f && prints ran'
check S1_the_second_call_needs_no_compiler '
    printf "#!/bin/sh\necho x >>$base/runs\nexec cc \"\$@\"\n" >$base/counting && chmod 755 $base/counting &&
    [ "$(result $mayfly call -c $base/counting $base/sums.c add 1 1)" = 2 ] && [ "$(result $mayfly call -c $base/counting $base/sums.c add 2 2)" = 4 ] &&
    { [ $(wc -l <$base/runs) = 1 ] || ! ls $XDG_CACHE_HOME/mayfly/source >/dev/null; } &&
    [ "$(result $mayfly call --no-cache -c $base/counting $base/sums.c add 1 1)" = 2 ] && [ $(wc -l <$base/runs) -ge 2 ]'
check S4_a_program_without_that_function_says_what_it_carries '
    status 1 $mayfly source $MFT_BUILD/examples/source_names no_such && says "no_such"
    printf "#include <mayfly/source.h>\nMAYFLY_EMBED_SOURCE();\nint main(void) { return 0; }\n" >$base/carries.c &&
    cc -I"$MFT_SOURCE/include" -DMAYFLY_SOURCE_FLAGS="\"-I$MFT_SOURCE/include\"" -o $base/carries $base/carries.c &&
    status 1 $mayfly source $base/carries no_such && says "carries 1 text" && says carries.c && says no_such'
check S4_a_missing_header_is_told_with_the_way_to_it '
    mkdir $base/inc && echo "#define RESULT 0" >$base/inc/only_there.h &&
    printf "#include <mayfly/source.h>\n#include \"only_there.h\"\nMAYFLY_EMBED_SOURCE();\nint main(void) { return RESULT; }\n" >$base/lost.c &&
    cc -I"$MFT_SOURCE/include" -I$base/inc -o $base/lost $base/lost.c &&
    status 1 $mayfly source --form unit $base/lost main && says "MAYFLY_SOURCE_FLAGS" '
check S1_a_full_standard_output_is_a_failure '! $mayfly call $base/sums.c add 1 2 >/dev/full 2>$base/stderr && says "standard output"'
check S1_help_and_completion_know_it '
    $mayfly help call | grep -q -- --constructors && $mayfly completion bash >$base/completion && bash -c ". $base/completion
complete_line() { COMP_WORDS=(\"\$@\"); COMP_CWORD=\$((\$# - 1)); COMPREPLY=(); _mayfly; echo \"\${COMPREPLY[*]}\"; }
[ \"\$(complete_line mayfly cal)\" = call ] && [ \"\$(complete_line mayfly call --comp)\" = --compiler ] &&
[ \"\$(complete_line mayfly call $base/sum)\" = $base/sums.c ]"'

exit $failed
