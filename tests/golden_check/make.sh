#!/bin/sh
# make.sh MAKE_STRUCTURE MAKE_CASE FOLDER: golden cases on a structure grown here, with three
# residues missing, one incomplete, and two chains of one sequence.
set -eu
rm -rf "$3"
mkdir -p "$3/structures"
"$1" --length 30 --chains AB --identical --seed 5 --missing 12 --unresolved 20 \
    > "$3/structures/made.pdb"
exec "$2" "$3" made.pdb
