fmpnn_test(random)
