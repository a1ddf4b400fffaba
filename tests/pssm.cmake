fmpnn_test(pssm)
