fmpnn_test(reference)
