fmpnn_test(message_pass)
