# What `cmake --install` puts where, and the Debian package of it (`cpack`, in the build folder).

include(GNUInstallDirs)
# Of libraries outside the system's folders there is CUDA's runtime, where that is linked to.
set_target_properties(magnetar PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS magnetar RUNTIME)
# The Rust runtime of `compile` is a part of the program. The C SDK finds its files beside its build.sh.
set(sdk "${CMAKE_SOURCE_DIR}/vm/guest")
set(sdk_folder "${CMAKE_INSTALL_DATADIR}/magnetar/guest")
install(PROGRAMS "${sdk}/build.sh" DESTINATION "${sdk_folder}")
install(FILES "${sdk}/link.ld" "${sdk}/README.md" DESTINATION "${sdk_folder}")
install(DIRECTORY "${sdk}/include" "${sdk}/runtime" "${sdk}/programs" "${sdk}/prebuilt" DESTINATION "${sdk_folder}")
install(DIRECTORY "${sdk}/rust/programs" DESTINATION "${sdk_folder}/rust")
install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" "${CMAKE_SOURCE_DIR}/README.md" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY "${CMAKE_SOURCE_DIR}/docs/" DESTINATION "${CMAKE_INSTALL_DOCDIR}" FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "*.png")

# The manual page is what --help says. A build with sanitizers is not for installing.
if(NOT MAGNETAR_SANITIZE)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set(manual_page "${CMAKE_BINARY_DIR}/magnetar.1")
  add_custom_command(
    OUTPUT "${manual_page}"
    COMMAND Python3::Interpreter "${CMAKE_SOURCE_DIR}/scripts/manual_page.py" "$<TARGET_FILE:magnetar>" "${manual_page}"
    DEPENDS magnetar "${CMAKE_SOURCE_DIR}/scripts/manual_page.py"
    VERBATIM)
  add_custom_target(manual_page ALL DEPENDS "${manual_page}")
  install(FILES "${manual_page}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
endif()

# Units name the program by its absolute path, which the prefix of the installation decides.
set(units "${CMAKE_SOURCE_DIR}/docker/systemd")
install(CODE "
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_PREFIX NORMALIZE OUTPUT_VARIABLE prefix)
  set(MAGNETAR_BINARY \"\${prefix}/${CMAKE_INSTALL_BINDIR}/magnetar\")
  foreach(unit magnetar-orchestrator.service magnetar-worker@.service)
    configure_file(\"${units}/\${unit}.in\" \"${CMAKE_BINARY_DIR}/units/\${unit}\" @ONLY)
    file(INSTALL \"${CMAKE_BINARY_DIR}/units/\${unit}\" DESTINATION \"\${prefix}/lib/systemd/system\")
  endforeach()")
install(FILES "${units}/orchestrator.env" "${units}/worker.env" "${units}/compile.conf" "${units}/tls.conf"
        DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples")

set(CPACK_GENERATOR DEB)
# The prefix is the package's, and not that of the folder where it is put together.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The Magnetar project")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
  "Executes RV32I programs and proves their executions with Nova folding, alone or\nwith an orchestrator and any number of workers.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# What `compile` looks for when it is used.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS
  "rustc-web, rust-web-src, librust-serde-dev, librust-serde-derive-dev, lld-14, bubblewrap, gcc-riscv64-unknown-elf, picolibc-riscv64-unknown-elf")
include(CPack)
