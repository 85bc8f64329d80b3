#!/bin/sh
# The rules of the house (tools/check).
exec "$MFT_SOURCE/tools/check" "$MFT_BUILD"
