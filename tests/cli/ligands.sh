# Ligands and membrane labels that are not what they should be: what is said, and that numbers
# come out all the same. Structure: 24 residues and ten atoms over them, made here.
for weights in ligand/v_32_010_25 membrane/per_residue_v_48_020 membrane/global_v_48_020; do
    if ! "$fusempnn" doctor --json | grep -q "\"$weights\",\"installed\":true"; then
        echo "skipped: weights $weights are not installed (fusempnn weights get)"
        exit 77
    fi
done
"$make" --length 12 --chains AB --identical | grep -v -E '^(END|TER)' >bare.pdb
# ligand FILE ELEMENT NAME: ten atoms of LIG A900
ligand() {
    cp bare.pdb "$1"
    for n in 0 1 2 3 4 5 6 7 8 9; do
        printf 'HETATM %4d  %-3s LIG A 900    %8.3f%8.3f%8.3f  1.00 10.00          %2s\n' \
            $((900 + n)) "$3$n" $n.5 3.0 4.0 "$2"
    done >>"$1"
}
ligand carbon.pdb C C
ligand odd.pdb XX Q
ligand hydrogens.pdb H H
ligand blank.pdb "" C
awk '/^ATOM/ && $3 == "CA" { print "HETATM" substr($0, 7, 6) " C1  LIG A 900 " substr($0, 28); exit }' \
    bare.pdb | cat bare.pdb - >clash.pdb
design() { "$fusempnn" design "$@" --weights ligand --seed 1; }
letters() { grep -v '^>' "$1" >"$2"; }

check "no ligand" 0 design bare.pdb
letters out bare
has out "score=[0-9.]+ "
check "a ligand is seen" 0 design carbon.pdb
letters out carbon
has_not err "context-"
check "and told of" 0 "$fusempnn" inspect carbon.pdb --weights ligand
has err "carbon: ligand: A900 LIG: 10 of 10 atoms are seen"
for reading in author original; do
    check "unknown elements only, $reading" 0 design odd.pdb --reading $reading
    has err "odd: context-element-unknown: .*A900 LIG Q0"
    has err "odd: context-empty: .*A900 LIG"
    letters out a
    same "  as without a ligand" bare a
    check "hydrogens only, $reading" 0 design hydrogens.pdb --reading $reading
    has err "hydrogens: context-empty: .*A900 LIG"
    letters out a
    same "  as without a ligand" bare a
    check "an atom on the backbone, $reading" 0 design clash.pdb --reading $reading
    has err "clash: context-clash: atom within 1 A of the backbone: A900 LIG at A1"
    has out "score=[0-9.]+ "
done
check "elements from names" 0 design blank.pdb
has err "blank: context-element-guessed: .*10 atoms"
letters out a
same "  as if they were written" carbon a
check "--ligand-context off" 0 design carbon.pdb --ligand-context off
letters out a
same "  as without a ligand" bare a
check "inspect names what is not seen" 0 "$fusempnn" inspect hydrogens.pdb --weights ligand
has err "context-empty: .*A900 LIG"

# Fifty thousand atoms around 24 residues: a matter of megabytes, and of less than a second.
awk 'BEGIN { for (n = 0; n < 50000; n++)
    printf "HETATM%5d  C%-2d LIP %c%4d    %8.3f%8.3f%8.3f  1.00 10.00           C\n", n, n % 20,
        67 + int(n / 20000), int(n % 20000 / 20) + 1, n % 100, int(n / 100) % 100,
        5 + int(n / 10000) }' | cat bare.pdb - >large.pdb
check "50,000 atoms" 0 timeout 60 "$fusempnn" design large.pdb --weights ligand --seed 1 --threads 1
has out "score=[0-9.]+ "
cp out whole
if (ulimit -v 250000 && "$fusempnn" --version) >/dev/null 2>&1; then
    (ulimit -v 250000 && "$fusempnn" design large.pdb --weights ligand --seed 1 --threads 1) >out 2>err
    same "  and little memory" whole out
fi

# Labels.
labels="--weights membrane/per_residue_v_48_020"
for option in buried interface; do
    check "--transmembrane-$option of an absent residue" 2 "$fusempnn" score bare.pdb $labels --transmembrane-$option A99
    has err "bare.pdb: --transmembrane-$option: residue 'A99' is not in the structure; nearest: A12"
    one_line err
    check "--transmembrane-$option of an absent chain" 2 "$fusempnn" design bare.pdb $labels --transmembrane-$option Q1-3
    has err "--transmembrane-$option: chain 'Q' is not in the structure; its chains: A, B"
    one_line err
done
check "two labels" 2 "$fusempnn" probs bare.pdb -o p.npz $labels --transmembrane-buried A1-4 --transmembrane-interface A4
has err "A4 is in --transmembrane-buried and in --transmembrane-interface"
check "labels" 0 "$fusempnn" score bare.pdb $labels --transmembrane-buried A1-4 --transmembrane-interface B --quiet
cp out labelled
check "no labels" 0 "$fusempnn" score bare.pdb $labels
has err "no-membrane"
differ "labels matter" labelled out
check "one label" 0 "$fusempnn" score bare.pdb --weights membrane/global_v_48_020 --global-membrane 1 --quiet
cp out within
check "the other" 0 "$fusempnn" score bare.pdb --weights membrane/global_v_48_020 --global-membrane 0 --quiet
differ "the label matters" within out
check "a label that is none" 2 "$fusempnn" score bare.pdb --weights membrane/global_v_48_020 --global-membrane 2
one_line err

# Each option wants weights that have a use for it.
for option in "--side-chain-context" "--ligand-context off" "--transmembrane-buried A1" "--global-membrane 1"; do
    check "$option with vanilla weights" 2 "$fusempnn" score bare.pdb $option
    has err "${option%% *}: weights vanilla/v_48_020 see"
    one_line err
done
check "side chains that are kept" 0 "$fusempnn" score carbon.pdb --weights ligand --side-chain-context --fix A --quiet
