fmpnn_test(job)
