fmpnn_test(cuda_encode)
if(TARGET fusempnn_cuda)
    set_property(TEST cuda_encode APPEND PROPERTY
        ENVIRONMENT "FMPNN_CUDA_LIBRARY=$<TARGET_FILE:fusempnn_cuda>")
endif()
