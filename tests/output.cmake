fmpnn_test(output)
# Until these modules are there, the test brings doubles of what it needs of them.
foreach(part design/job structure/structure design/letters)
    if(NOT EXISTS ${CMAKE_SOURCE_DIR}/src/${part}.c)
        string(REPLACE "/" "_" name ${part})
        string(TOUPPER ${name} name)
        target_compile_definitions(test_output PRIVATE NO_${name})
    endif()
endforeach()
