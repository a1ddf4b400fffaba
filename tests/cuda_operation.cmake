fmpnn_test(cuda_operation)
if(TARGET fusempnn_cuda)
    set_property(TEST cuda_operation APPEND PROPERTY
        ENVIRONMENT "FMPNN_CUDA_LIBRARY=$<TARGET_FILE:fusempnn_cuda>")
endif()
