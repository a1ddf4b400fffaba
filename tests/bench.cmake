# `fusempnn bench`, and the message-pass cases of the golden checker.
if(NOT EXISTS ${CMAKE_SOURCE_DIR}/bench/CMakeLists.txt)
    return()
endif()
add_executable(check_json ${CMAKE_CURRENT_SOURCE_DIR}/bench/check_json.c)
set(schemas ${CMAKE_SOURCE_DIR}/bench)
target_compile_options(check_json PRIVATE -Wall -Wextra -Wpedantic -Wshadow)
target_link_libraries(check_json PRIVATE PkgConfig::JANSSON m)
add_test(NAME bench_fusion COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/bench/fusion.sh
    $<TARGET_FILE:fusempnn> $<TARGET_FILE:check_json> ${schemas})
add_test(NAME bench_peers COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/bench/peers.sh
    $<TARGET_FILE:fusempnn> $<TARGET_FILE:check_json> ${schemas})
add_test(NAME bench_golden COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/bench/golden.sh
    $<TARGET_FILE:fusempnn> $<TARGET_FILE:golden_check>)
add_test(NAME bench_model COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/bench/model.sh
    $<TARGET_FILE:fusempnn> $<TARGET_FILE:check_json> $<TARGET_FILE:make_structure> ${schemas})
add_test(NAME bench_model_peers COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/bench/model_peers.sh
    ${CMAKE_SOURCE_DIR}/bench/model_peers.py)
set_tests_properties(bench_fusion bench_peers bench_golden bench_model bench_model_peers
    PROPERTIES
    SKIP_RETURN_CODE 77 ENVIRONMENT "FMPNN_SHARED=${FMPNN_SHARED}")
