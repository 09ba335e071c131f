#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace magnetar::rpc {

/// Who may ask for what, from a file of lines `NAME TOKEN [request] [compile]`; no scope named: both. `#` starts a
/// comment.
class Tokens {
 public:
  struct Holder {
    std::string name;
    bool may_request = false;
    bool may_compile = false;
  };

  static constexpr std::size_t kMinTokenBytes = 16;

  /// The error names the line.
  static tl::expected<Tokens, std::string> parse(std::string_view text);

  /// Takes as long whatever part of a token is right: what is compared is SHA-256 of it.
  const Holder* find(std::string_view token) const;

  std::size_t size() const { return holders_.size(); }

 private:
  using Digest = std::array<unsigned char, 32>;
  static Digest digest(std::string_view token);

  std::map<Digest, Holder> holders_;
};

}  // namespace magnetar::rpc
