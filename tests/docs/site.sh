#!/bin/sh
# The site builds without a warning, and no link in it leads nowhere.
for module in sphinx furo myst_parser sphinx_inline_tabs; do
    /usr/bin/python3 -c "import $module" 2>/dev/null ||
        { echo "skip site: Python's module $module is not here"; exit 0; }
done
if [ ! -x "$MFT_BUILD/mayfly" ] || ! grep -q '^sanitizer *= *none' "$MFT_BUILD/python/built-for" 2>/dev/null; then
    echo "skip site: this build has not all three faces, or a sanitizer"
    exit 0
fi
if /usr/bin/python3 "$MFT_SOURCE/tools/docs/site.py" "$MFT_BUILD"; then
    echo "ok the_site_builds_without_a_warning_and_every_link_leads_somewhere"
else
    echo "not ok the_site_builds_without_a_warning_and_every_link_leads_somewhere"
fi
/usr/bin/python3 -B - "$MFT_SOURCE" <<'END'
import sys
sys.path.insert(0, sys.argv[1] + "/tools/docs")
import cookbook
shown = [block for recipe in cookbook.recipes() for block in recipe.python]
left = [block for block in cookbook.blocks() if block not in shown]
print("not ok" if left or not shown else "ok", "every_example_of_the_documents_is_in_the_cookbook")
for block in left:
    print(f"    {block.document}.md, {block.heading}: no example in C names it")
shells = {path.stem for path in (cookbook.ROOT / "examples" / "shell").glob("*.sh")}
recipes = {recipe.name for recipe in cookbook.recipes()}
odd = sorted((recipes - shells) ^ set(cookbook.NO_SHELL)) + sorted(shells - recipes)
print("not ok" if odd else "ok", "every_recipe_has_an_example_for_shells_or_says_why_not", *odd)
END
