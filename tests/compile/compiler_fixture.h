#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/compile/compiler.h"

namespace magnetar::compile {

inline constexpr std::string_view kHead = "#![no_std]\n#![no_main]\n";
inline constexpr std::string_view kMain = "#[nexus_rt::main]\nfn main() {}\n";

inline std::string program(std::string_view items, std::string_view main = kMain) {
  return fmt::format("{}{}\n{}", kHead, items, main);
}

// A program that no other test compiles, with an ELF of its own: it prints what it is.
inline std::string unique(std::string_view of) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  return program("", fmt::format("#[nexus_rt::main]\nfn main() {{ nexus_rt::println!(\"{} {}\"); }}\n", of, now));
}

class CompilerTest : public testing::Test {
 protected:
  static CompilerOptions options() { return {.cache_folder = MAGNETAR_COMPILE_CACHE}; }

  // Opens the compiler, or skips the test if it is not installed.
  void open(CompilerOptions options) {
    options.warn = [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      warnings_.push_back(line);
    };
    auto opened = Compiler::open(std::move(options));
    if (!opened && opened.error().kind == CompileErrorKind::kToolchain) GTEST_SKIP() << opened.error().message;
    ASSERT_TRUE(opened) << opened.error().message;
    compiler_ = *std::move(opened);
  }
  void SetUp() override { open(options()); }

  std::unique_ptr<Compiler> compiler_;
  std::mutex mutex_;
  std::vector<std::string> warnings_;
};

inline std::string endless_constant() {
  return program(
      "#![allow(long_running_const_eval)]\n"
      "#[used] static X: u32 = { let mut i = 0u32; loop { i = i.wrapping_add(1); if i == 7 && i == 8 { break; } } i "
      "};");
}

}  // namespace magnetar::compile
