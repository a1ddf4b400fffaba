fmpnn_test(structure)
