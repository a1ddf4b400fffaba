fmpnn_test(torch_file)
