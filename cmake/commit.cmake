# cmake -DSOURCE=folder -DHEADER=file -P commit.cmake
# Writes the first 12 digits of the commit that SOURCE stands at, or "unknown": outside a git
# checkout, without git, or where SOURCE merely lies somewhere inside another checkout.
set(commit "unknown")
find_program(git_program git)
if(git_program AND EXISTS ${SOURCE}/.git)
    # A checkout that belongs to another user (root building in a container) is still readable.
    execute_process(COMMAND ${git_program} -c safe.directory=* -C ${SOURCE} rev-parse HEAD
        OUTPUT_VARIABLE head RESULT_VARIABLE failed ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT failed AND head MATCHES "^[0-9a-f]+$")
        string(SUBSTRING ${head} 0 12 commit)
    endif()
endif()
set(text "#define FMPNN_COMMIT \"${commit}\"\n")
set(before "")
if(EXISTS ${HEADER})
    file(READ ${HEADER} before)
endif()
if(NOT before STREQUAL text) # an unchanged file spares a rebuild
    file(WRITE ${HEADER} ${text})
endif()
