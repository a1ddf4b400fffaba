fmpnn_test(order)
