fmpnn_test(torch_random)
