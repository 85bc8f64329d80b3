#!/bin/sh
# mayfly inspect, as a shell user meets it.
. "$MFT_SOURCE/tests/lib/cli.inc"

# What is printed, line for line; the expectation is on the standard input.
shows() { diff -u - "$base/stdout"; }
# Nothing but text, tabs and line breaks was printed, on either.
tame() { ! cat "$base/stdout" "$base/stderr" | LC_ALL=C grep -q "[$(printf '\001-\010\013-\037\177')]" &&
    python3 -c "import sys; t=open('$base/stdout').read()+open('$base/stderr').read(); sys.exit(any(0x7f <= ord(c) < 0xa0 or c in '\u202e\u2066' for c in t))"; }

umask 022
cat >"$base/pkg.py" <<'END'
import array, collections, datetime, decimal, fractions, pathlib, pickle, uuid
Point = collections.namedtuple("Point", "x y")
class Plain: pass
class Slots:
    __slots__ = ("a", "b")
class MyList(list): pass
def sample(protocol):
    shared = [1, 2]
    cycle = []
    cycle.append(cycle)
    plain = Plain()
    plain.name, plain.me, plain.shared = "x", plain, shared
    what = {"none": None, "yes": True, "big": 2**70, "low": -2**63, "float": 0.1, "nan": float("nan"), "z": 1 + 2j,
            "text": "h\u00e9\x1b[31m\x7f\x9b\u202e", "lone": "\ud800a", "raw": b"\x00hi", "array": bytearray(b"zz"),
            "one": shared, "two": shared, "cycle": cycle, "plain": plain, "point": Point(1, shared),
            "when": datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
            "ordered": collections.OrderedDict(a=1), "default": collections.defaultdict(list, {"k": [1]}),
            "deque": collections.deque([1, 2], 5), "decimal": decimal.Decimal("1.5"), "id": uuid.UUID(int=5),
            "path": pathlib.PurePosixPath("/a/b"), "class": Plain, "empty": [[], (), {}, set()],
            (1, "k"): 1, frozenset([1]): 2, 7: 3, "list": MyList([1]), "long": "x" * 500}
    if protocol > 1:
        what["slots"] = slots = Slots()
        slots.a, slots.b = 1, "two"
    return what
def dump(name, *values, protocol=4):
    with open(name, "wb") as file:
        for value in values:
            pickle.dump(value, file, protocol)
END
python() { (cd "$base" && PYTHONDONTWRITEBYTECODE=1 python3 -c "from pkg import *
$1"); }
python 'for p in range(6): dump(f"all{p}.pkl", sample(p), protocol=p)'
python 'dump("plain.pkl", {"name": "libc6", "tags": ["a", "b"], "at": Point(1, 2)})'
python 'for p in range(6): open("several.pkl", "ab").write(pickle.dumps(["a", ["a"], p], p))'
printf "cos\nsystem\n(S\"touch $base/ran\"\ntR." >"$base/hostile.pkl"

check O4_a_tree_shows_what_is_there_with_sizes '
    status 0 $mayfly inspect $base/plain.pkl && shows <<END
byte 0: protocol 4, $(stat -c %s $base/plain.pkl) bytes
  dict of 3
    '\''name'\'': '\''libc6'\'' (5 bytes)
    '\''tags'\'': list of 2
      0: '\''a'\'' (1 byte)
      1: '\''b'\'' (1 byte)
    '\''at'\'': pkg.Point
      0: 1
      1: 2
END'
check O4_what_is_shared_or_cyclic_has_a_label '
    python "a = [1]; b = {\"a\": a, \"again\": a}; b[\"self\"] = b; dump(\"cycle.pkl\", b)" &&
    status 0 $mayfly inspect $base/cycle.pkl && shows <<END
byte 0: protocol 4, $(stat -c %s $base/cycle.pkl) bytes
  dict of 3 &1
    '\''a'\'': list of 1 &2
      0: 1
    '\''again'\'': *2
    '\''self'\'': *1
END'
check O4_every_protocol_is_shown '
    each() { for p in 0 1 2 3 4 5; do
        status 0 $mayfly inspect $base/all$p.pkl && tame && prints "pkg.Plain &" && prints "'\''hé\\x1b[31m\\x7f\\x9b\\u202e'\''" && prints ".name: '\''x'\'' (1 byte)" && prints "(500 bytes)" &&
        prints "datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)" && prints "(1, '\''k'\''): 1" &&
        prints "key: frozenset of 1" && prints "collections.deque of 2" && prints "maxlen: 5" && prints "collections.OrderedDict of 1" &&
        status 0 $mayfly inspect --json $base/all$p.pkl && tame && json "len(d) == 1" || return 1
    done; }
    each'
check O4_several_pickles_have_a_memo_each '
    status 0 $mayfly inspect $base/several.pkl && [ $(grep -c "^byte" $base/stdout) = 6 ] && ! grep -q "\*" $base/stdout &&
    [ $(grep -c "0: .a. (1 byte)" $base/stdout) = 12 ] && status 0 $mayfly inspect --json $base/several.pkl &&
    json "[p[\"value\"] for p in d] == [[\"a\", [\"a\"], n] for n in range(6)]" &&
    json "d[0][\"offset\"] == 0 and all(a[\"offset\"] + a[\"size\"] == b[\"offset\"] for a, b in zip(d, d[1:]))"'
check O4_json_holds_all_that_the_pickle_does '
    status 0 $mayfly inspect --json $base/all4.pkl && python3 - $base <<"END"
import json, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import pkg
(found,) = json.load(open(sys.argv[1] + "/stdout"))
labels = {}
def back(v):
    if isinstance(v, list): return [back(x) for x in v]
    if not isinstance(v, dict): return v
    if "ref" in v: return labels[v["ref"]]
    label = v.pop("label", None)
    for kind, make in (("int", int), ("float", float), ("complex", complex), ("bytes", bytes.fromhex), ("bytearray", bytearray.fromhex),
                       ("surrogatepass", lambda t: bytes.fromhex(t).decode("utf-8", "surrogatepass"))):
        if kind in v:
            assert len(v) == 1
            return make(v[kind])
    if "list" in v:
        made = []
        labels[label] = made
        made.extend(back(x) for x in v["list"])
        return made
    if "tuple" in v: return tuple(back(x) for x in v["tuple"])
    if "set" in v: return set(back(x) for x in v["set"])
    if "frozenset" in v: return frozenset(back(x) for x in v["frozenset"])
    if "dict" in v: return {back(k): back(x) for k, x in v["dict"]}
    if "global" in v: return v
    if "object" in v:
        labels[label] = v
        return {k: x if k == "text" else back(x) for k, x in v.items()}
    return {k: back(x) for k, x in v.items()}
got, want = back(found["value"]), pkg.sample(4)
assert list(got) == list(want)
for key in ("none", "yes", "big", "low", "float", "z", "text", "lone", "raw", "array", "one", "empty", (1, "k"), frozenset([1]), 7, "long"):
    assert got[key] == want[key] and type(got[key]) is type(want[key]), (key, got[key])
assert got["nan"] != got["nan"] and got["one"] is got["two"] and got["cycle"][0] is got["cycle"]
assert got["class"] == {"global": ["pkg", "Plain"]} and got["plain"]["state"]["shared"] is got["one"]
assert got["when"]["text"] == "2024-01-02 03:04:05+00:00" and got["id"]["text"].endswith("05") and got["decimal"]["text"] == "1.5"
assert got["point"]["arguments"] == (1, [1, 2]) and got["list"]["items"] == [1] and got["slots"]["state"] == (None, {"a": 1, "b": "two"})
END'
check O4_a_dict_cannot_pass_for_something_else '
    python "dump(\"like.pkl\", {\"bytes\": \"00\"}, {\"ref\": 1}, {\"name\": 1, \"label\": 2})" && status 0 $mayfly inspect --json $base/like.pkl &&
    json "[p[\"value\"] for p in d] == [{\"dict\": [[\"bytes\", \"00\"]]}, {\"dict\": [[\"ref\", 1]]}, {\"name\": 1, \"label\": 2}]"'
check O4_depth_and_items_limit_what_is_shown '
    python "dump(\"deep.pkl\", [[[1, 2, 3]], [4]] + list(range(200)))" && status 0 $mayfly inspect $base/deep.pkl && prints "... and 102 more" &&
    status 0 $mayfly inspect --depth 1 --items 2 $base/deep.pkl && shows <<END &&
byte 0: protocol 4, $(stat -c %s $base/deep.pkl) bytes
  list of 202
    0: list of 1 ...
    1: list of 1 ...
    ... and 200 more
END
    status 0 $mayfly inspect -d 0 $base/deep.pkl && prints "list of 202 ..." &&
    status 0 $mayfly inspect --json $base/deep.pkl && json "len(d[0][\"value\"]) == 202" &&
    status 0 $mayfly inspect --json -d 1 -n 2 $base/deep.pkl &&
    json "d[0][\"value\"] == {\"list\": [{\"list\": [], \"more\": 1}, {\"list\": [], \"more\": 1}], \"more\": 200}" &&
    status 0 $mayfly inspect --json -d 1 -p /at $base/plain.pkl && json "d[0][\"value\"][\"arguments\"] == {\"tuple\": [1, 2]}" &&
    status 0 $mayfly inspect --json -d 1 $base/plain.pkl && json "d[0][\"value\"][\"at\"] == {\"object\": {\"global\": [\"pkg\", \"Point\"]}, \"more\": 1}"'
check O4_what_is_cut_off_is_shown_where_it_stands_next '
    python "a = [1]; dump(\"cut.pkl\", [[[a]], a])" && status 0 $mayfly inspect -d 2 $base/cut.pkl && shows <<END
byte 0: protocol 4, $(stat -c %s $base/cut.pkl) bytes
  list of 2
    0: list of 1
      0: list of 1 ...
    1: list of 1 &1
      0: 1
END'
check O4_deep_nesting_needs_no_program_stack '
    python3 -c "import sys; sys.stdout.buffer.write(b\"]\" * 300000 + b\"a\" * 299999 + b\".\")" >$base/nested.pkl &&
    (ulimit -s 256; status 0 $mayfly inspect $base/nested.pkl && [ $(wc -l <$base/stdout) = 300001 ] && prints "[299999] 0: []" &&
    status 0 $mayfly inspect --json $base/nested.pkl && [ $(tr -cd "]" <$base/stdout | wc -c) = 300001 ] &&
    status 0 $mayfly inspect -d 3 $base/nested.pkl && [ $(wc -l <$base/stdout) = 5 ])'
check O4_a_laugh_of_shared_lists_is_short '
    python "v = [1]
for i in range(64): v = [v, v]
dump(\"laugh.pkl\", v)" && status 0 $mayfly inspect $base/laugh.pkl && [ $(wc -l <$base/stdout) = 131 ] &&
    status 0 $mayfly inspect --json $base/laugh.pkl && [ $(wc -c <$base/stdout) -lt 5000 ]'
check O4_a_path_leads_to_a_part '
    status 0 $mayfly inspect --path /tags/-1 $base/plain.pkl && prints "  '\''b'\'' (1 byte)" && [ $(wc -l <$base/stdout) = 2 ] &&
    status 0 $mayfly inspect --json -p /at/1 $base/plain.pkl && json "d[0][\"value\"] == 2" &&
    status 0 $mayfly inspect -p "" $base/plain.pkl && prints "dict of 3" && status 1 $mayfly inspect -p /tags/9 $base/plain.pkl && says /tags/9 &&
    status 1 $mayfly inspect --json -p /no $base/plain.pkl && json "d == []" &&
    status 2 $mayfly inspect -p tags $base/plain.pkl && status 2 $mayfly inspect -p /a~2 $base/plain.pkl'
check O4_a_path_is_followed_in_each_pickle '
    python "dump(\"paths.pkl\", {\"b\": 1}, {\"a\": 2}, {\"a\": 3})" && status 1 $mayfly inspect --json -p /a $base/paths.pkl && says "byte 0" &&
    json "[p[\"value\"] for p in d] == [2, 3]"'
check O6_opcodes_are_those_of_pickletools '
    each() { for p in 0 1 2 3 4 5; do
        python3 -m pickletools $base/all$p.pkl >$base/expected && status 0 $mayfly inspect --disassemble $base/all$p.pkl && cmp $base/expected $base/stdout || return 1
    done; }
    each && python3 -m pickletools $base/several.pkl >$base/expected && status 0 $mayfly inspect --disassemble $base/several.pkl && shows <$base/expected'
check O6_globals_are_listed '
    status 0 $mayfly inspect --globals $base/hostile.pkl && printf "os\tsystem\t0\tcalled\n" | shows && [ ! -e $base/ran ] &&
    python "dump(\"globals.pkl\", len, datetime.date(2024, 1, 2))" && status 0 $mayfly inspect -g $base/globals.pkl &&
    prints "$(printf "builtins\tlen\t")" && prints "$(printf "datetime\tdate\t")" &&
    status 0 $mayfly inspect -g --json $base/globals.pkl && json "[(g[\"module\"], g[\"name\"], g[\"flags\"]) for g in d] ==
        [(\"builtins\", \"len\", []), (\"datetime\", \"date\", [\"called\"])] and d[1][\"offset\"] > d[0][\"offset\"]"'
check O6_globals_that_are_computed_or_numbers_are_marked '
    printf "cbuiltins\ngetattr\n(cos\n__dict__\nS\"system\"\ntR." >$base/computed.pkl && printf "\200\002\202\007." >$base/number.pkl &&
    status 0 $mayfly inspect -g $base/computed.pkl && prints computed && status 0 $mayfly inspect -g $base/number.pkl && prints extension &&
    printf "builtins getattr\nos __dict__\n" >$base/all.policy && status 1 $mayfly inspect --check $base/all.policy $base/computed.pkl &&
    status 1 $mayfly inspect --check $base/all.policy $base/number.pkl'
check O6_a_policy_is_checked '
    printf "# ours\npkg Point\n" >$base/ours.policy && status 0 $mayfly inspect --check $base/ours.policy $base/plain.pkl && [ ! -s $base/stdout ] &&
    status 1 $mayfly inspect --check $base/ours.policy $base/hostile.pkl && says "os system" && says "byte 0" && [ ! -e $base/ran ] &&
    cat $base/plain.pkl $base/hostile.pkl >$base/both.pkl && status 1 $mayfly inspect -c $base/ours.policy $base/both.pkl &&
    says "byte $(stat -c %s $base/plain.pkl): os system" && $mayfly inspect -g $base/all4.pkl | cut -f1,2 >$base/made.policy &&
    status 0 $mayfly inspect -c $base/made.policy $base/all4.pkl && status 1 $mayfly inspect -c $base/ours.policy $base/all4.pkl'
check O6_a_policy_that_cannot_be_read_is_wrong_usage '
    status 2 $mayfly inspect --check /nonexistent $base/plain.pkl && says /nonexistent && echo one >$base/bad.policy &&
    status 2 $mayfly inspect --check $base/bad.policy $base/plain.pkl && says "line 1"'
check O6_damage_does_not_hide_what_is_named '
    printf "cos\nsystem\n(S\"true\"\ntR\377" >$base/damaged.pkl && status 1 $mayfly inspect -g $base/damaged.pkl && prints system && says "byte 22" &&
    : >$base/empty.policy && status 1 $mayfly inspect -c $base/empty.policy $base/damaged.pkl && says "os system" &&
    printf "os system\n" >$base/os.policy && status 1 $mayfly inspect -c $base/os.policy $base/damaged.pkl && says "byte 22"'
check O4_nothing_of_a_pickle_is_run 'status 0 $mayfly inspect $base/hostile.pkl && prints "call of os.system" && [ ! -e $base/ran ]'
check O4_what_stood_before_damage_is_shown '
    { cat $base/plain.pkl; printf "\200\004]\224h\007."; } >$base/half.pkl && n=$(stat -c %s $base/plain.pkl) && status 1 $mayfly inspect $base/half.pkl &&
    prints "dict of 3" && [ $(wc -l <$base/stderr) = 1 ] && says "half.pkl: byte $((n + 4)): BINGET: " && status 1 $mayfly inspect --json $base/half.pkl &&
    json "len(d) == 1" && head -c $((n - 3)) $base/plain.pkl >$base/short.pkl && status 1 $mayfly inspect $base/short.pkl && says "short.pkl: " &&
    : >$base/nothing.pkl && status 1 $mayfly inspect $base/nothing.pkl && says "empty" &&
    status 1 $mayfly inspect --disassemble $base/short.pkl && prints "PROTO" && says "short.pkl: byte"'
check O4_of_what_is_no_pickle_it_is_asked_whether_it_is_one '
    printf "name,days\n" >$base/table.csv && status 1 $mayfly inspect $base/table.csv && says "is it a pickle?" && status 1 $mayfly inspect $base/half.pkl && ! says "is it a pickle?"'
check O4_controls_never_reach_the_terminal '
    printf "c\033[31mos\nsys\033]0;x\007\rtem\302\233\342\200\256\n(S\"\\\\x1b\\\\x9b\"\ntR(\033" >$base/control.pkl &&
    printf "(I\033[31m\n." >$base/control3.pkl &&
    printf "c\033[31mos\nsys\033]0;x\007\rtem\302\233\342\200\256\n(V\033[2J\ntR." >$base/control2.pkl && : >$base/none.policy &&
    each() { for f in control control2 control3; do for o in "" --disassemble --json -g "-g --json" "-c $base/none.policy"; do
        $mayfly inspect $o $base/$f.pkl >$base/stdout 2>$base/stderr; tame || { echo "$f $o"; return 1; }
    done; done; }
    each'
check O4_a_pipe_is_read '
    cat $base/several.pkl | status 0 $mayfly inspect - && [ $(grep -c "^byte" $base/stdout) = 6 ] &&
    printf "(" | status 1 $mayfly inspect - && says "standard input: byte"'
check O4_files_of_others_are_refused '
    cp $base/plain.pkl $base/open.pkl && chmod 666 $base/open.pkl && status 1 $mayfly inspect $base/open.pkl && says "--any-owner" &&
    status 0 $mayfly inspect --any-owner $base/open.pkl && ln -s plain.pkl $base/link.pkl && status 1 $mayfly inspect $base/link.pkl && says "link" &&
    status 1 $mayfly inspect $base && says "regular" && mkfifo $base/fifo && status 1 $mayfly inspect $base/fifo && status 1 $mayfly inspect /nonexistent.pkl'
check O4_memory_is_limited '
    python "dump(\"large.pkl\", list(range(100000)))" && status 1 $mayfly inspect --max-bytes 100K $base/large.pkl && says "--max-bytes" &&
    status 1 $mayfly inspect --max-bytes 600K $base/large.pkl && says "max_bytes" && status 0 $mayfly inspect --max-bytes 1G $base/large.pkl &&
    printf "\200\004\216\377\377\377\377\377\377\377\177" >$base/claims.pkl && status 1 $mayfly inspect $base/claims.pkl &&
    cat $base/large.pkl | status 1 $mayfly inspect --max-bytes 100K -'
check O4_strings_of_python_2_are_read_as_asked '
    printf "U\003a\351b." >$base/two.pkl && status 1 $mayfly inspect $base/two.pkl && status 0 $mayfly inspect --strings bytes $base/two.pkl &&
    prints "b'\''a\\xe9b'\''" && status 0 $mayfly inspect --strings latin1 --json $base/two.pkl && json "d[0][\"value\"] == \"a\u00e9b\""'
check O4_large_numbers_take_no_time '
    python3 -c "import pickle; pickle.dump(1 << 8000000, open(\"$base/number.pkl\", \"wb\"))" && status 0 timeout 20 $mayfly inspect $base/number.pkl &&
    prints "(1000001 bytes)" && status 0 timeout 20 $mayfly inspect --json $base/number.pkl && json "int(d[0][\"value\"][\"int\"], 0) == 1 << 8000000"'
check O4_a_full_standard_output_is_a_failure '! $mayfly inspect $base/plain.pkl >/dev/full 2>$base/stderr && says "standard output"'
check O4_wrong_usage_is_status_2 '
    status 2 $mayfly inspect && status 2 $mayfly inspect a b && status 2 $mayfly inspect --depth -1 a && status 2 $mayfly inspect --items x a &&
    status 2 $mayfly inspect --json --disassemble a && status 2 $mayfly inspect -g --disassemble a && status 2 $mayfly inspect -g -p /a a &&
    status 2 $mayfly inspect --disassemble --depth 1 a &&
    status 2 $mayfly inspect --max-bytes 0 a && status 2 $mayfly inspect --max-bytes 1X a && status 2 $mayfly inspect --strings x a'
check O4_a_name_may_begin_with_a_dash 'cd $base && cp plain.pkl ./-x.pkl && status 0 $mayfly inspect -- -x.pkl && prints "dict of 3"'
check O4_help_and_completion_know_it '
    $mayfly help inspect | grep -q -- --disassemble && completes inspect insp &&
    completes --disassemble inspect --dis && completes latin1 inspect --strings lat &&
    completes $base/plain.pkl inspect $base/plai'

exit $failed
