fmpnn_test(pool)
