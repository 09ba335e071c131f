# Writes OUTPUT, the C++ file that defines runtime_sources(), from the FILES (separated by |) below FOLDER.
string(REPLACE "|" ";" files "${FILES}")
set(entries "")
foreach(file IN LISTS files)
  file(READ "${FOLDER}/${file}" content)
  string(APPEND entries "    {\"${file}\", R\"magnetar(${content})magnetar\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "#include \"host/compile/runtime_sources.h\"

#include <array>

namespace magnetar::compile {
namespace {

constexpr auto kSources = std::to_array<RuntimeSource>({
${entries}});

}  // namespace

std::span<const RuntimeSource> runtime_sources() {
  return kSources;
}

}  // namespace magnetar::compile
")
