# Install into a scratch folder and build small programs against what is there. They are run, so
# a cross build has to go without.
if(CMAKE_CROSSCOMPILING)
    return()
endif()
add_test(NAME install COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/install/check.sh)
set_tests_properties(install PROPERTIES ENVIRONMENT
    "BUILD=${CMAKE_BINARY_DIR};CMAKE=${CMAKE_COMMAND};GENERATOR=${CMAKE_GENERATOR};LIBDIR=${CMAKE_INSTALL_LIBDIR};\
CC=${CMAKE_C_COMPILER};CFLAGS=${CMAKE_C_FLAGS};\
CXX=${CMAKE_CXX_COMPILER};CXXFLAGS=${CMAKE_CXX_FLAGS}")
