#!/bin/sh
# scripts/get-structures.sh [--from FILE]
# Puts one real structure, 1HPV (HIV-1 protease: 198 residues in two chains, and a ligand), into
# ${XDG_DATA_HOME:-~/.local/share}/fusempnn/structures and prints its path. It comes out of the
# Debian package pymol-data, which is downloaded but not installed. --from takes that package or
# the file 1hpv.pdb, already downloaded, for machines without a network.
# The digest below is that of the file, not of the package, which differs between releases.
set -eu
digest=5e4a3e559491dcde705665959e34f52b51582c5104d933732a25db92804ba153
member=./usr/share/pymol/data/tut/1hpv.pdb
folder=${XDG_DATA_HOME:-$HOME/.local/share}/fusempnn/structures
target=$folder/1hpv.pdb
from=
case ${1-} in
'') ;;
--from) from=${2:?"--from needs a file"} ;;
*)
    echo "usage: $0 [--from FILE]" >&2
    exit 2
    ;;
esac

fail() {
    echo "get-structures: $*" >&2
    exit 1
}

is_right() {
    [ "$(sha256sum <"$1" | cut -d ' ' -f 1)" = "$digest" ]
}

if [ -f "$target" ] && is_right "$target"; then
    echo "$target"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

download() {
    (cd "$work" && apt-get -q $unsandboxed download pymol-data >log 2>&1)
}

# Root's apt drops to a user who may not write to $work.
unsandboxed=
[ "$(id -u)" -ne 0 ] || unsandboxed='-o APT::Sandbox::User=root'
if [ -z "$from" ]; then
    command -v apt-get >/dev/null ||
        fail "no apt-get here: fetch Debian's package pymol-data elsewhere, then use --from"
    if ! download; then
        # Package lists may be old or absent; refreshing them takes root.
        if [ "$(id -u)" -eq 0 ]; then
            apt-get -qq update || true
        elif sudo -n true 2>/dev/null; then
            sudo apt-get -qq update || true
        fi
        download || fail "apt-get download pymol-data failed: $(tail -n 1 "$work/log")
    If it is the package lists: 'apt-get update' as root, then again."
    fi
    from=$(echo "$work"/pymol-data_*.deb)
fi

case $from in
*.deb) dpkg-deb --fsys-tarfile "$from" | tar -x -O "$member" >"$work/1hpv.pdb" ;;
*) cp "$from" "$work/1hpv.pdb" ;;
esac
is_right "$work/1hpv.pdb" || fail "$from: 1hpv.pdb in it has the wrong SHA-256, expected $digest"
mkdir -p "$folder"
mv "$work/1hpv.pdb" "$folder/.1hpv.pdb.$$"
mv "$folder/.1hpv.pdb.$$" "$target" # never half a file
echo "$target"
