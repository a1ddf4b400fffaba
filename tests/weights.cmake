fmpnn_test(weights)
