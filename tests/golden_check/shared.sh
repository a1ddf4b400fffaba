#!/bin/sh
# shared.sh GOLDEN FOLDER [option]...: the checker on reference data, where there is any.
if [ ! -f "$2/manifest.json" ]; then
    echo "no reference data in $2: skipped"
    exit 77
fi
exec "$@"
