#include "guests.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>

namespace magnetar::bench {

std::vector<Guest> guests() {
  std::vector<Guest> all;
  for (const auto& entry : std::filesystem::directory_iterator(MAGNETAR_GUESTS)) {
    if (entry.path().extension() != ".elf") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string content(std::istreambuf_iterator<char>(file), {});
    const auto bytes = std::as_bytes(std::span(content));
    Guest guest{.name = entry.path().stem(),
                .elf = {bytes.begin(), bytes.end()},
                .program = vm::Program::load(bytes).value(),
                .input = {}};
    auto input = std::make_shared<std::vector<std::byte>>();
    if (guest.name == "sha256" || guest.name == "keccak256" || guest.name == "wordcount") {
      const std::string line = "the quick brown fox jumps over the lazy dog\n";
      for (std::size_t i = 0; i < (std::size_t{1} << 14); ++i)
        input->push_back(static_cast<std::byte>(line[i % line.size()]));
    }
    guest.input = std::move(input);
    all.push_back(std::move(guest));
  }
  std::sort(all.begin(), all.end(), [](const Guest& a, const Guest& b) { return a.name < b.name; });
  return all;
}

}  // namespace magnetar::bench
