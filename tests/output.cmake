fmpnn_test(output)
