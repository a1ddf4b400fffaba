fmpnn_test(ligand)
