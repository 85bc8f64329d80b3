#!/bin/sh
# Functions drawn at random from real object files: see source_corpus.py. By itself it draws a few
# from the library's own objects; the long mode is
#
#   MFT_CORPUS="dir1 dir2 ..."  builds with -g (best with -g3, or a compile_commands.json), such as
#                               those of Debian's source packages (apt-get source)
#   MFT_CORPUS_COUNT            functions of each (100)
set -u
tool=$MFT_BUILD/tests/source_tool
if [ ! -x "$tool" ]; then
    echo "skip source_corpus: the library mayfly-source was not built"
    exit 0
fi
for needed in cc nm python3; do
    command -v $needed >/dev/null || { echo "skip source_corpus: there is no $needed"; exit 0; }
done
case $(nm -C "$tool" 2>/dev/null) in
*__asan_init*) echo "skip source_corpus: objects with sanitizers have names of their own"; exit 0 ;;
esac
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
if [ -n "${MFT_CORPUS:-}" ]; then
    # shellcheck disable=SC2086
    python3 "$MFT_SOURCE/tests/compat/source_corpus.py" "$MFT_BUILD" "$scratch" \
        "${MFT_CORPUS_COUNT:-100}" $MFT_CORPUS
else
    echo "# the library's own objects only; MFT_CORPUS names directories of others"
    python3 "$MFT_SOURCE/tests/compat/source_corpus.py" "$MFT_BUILD" "$scratch" 12 "$MFT_BUILD/src"
fi
