fmpnn_test(local)
