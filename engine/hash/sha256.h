#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

struct evp_md_ctx_st;

namespace magnetar::hash {

/// SHA-256 (FIPS 180-4) by OpenSSL. Once constructed an object allocates nothing and serves any number of messages.
class Sha256 {
 public:
  static constexpr std::size_t kDigestBytes = 32;
  static constexpr std::size_t kBlockBytes = 64;
  using Digest = std::array<std::uint8_t, kDigestBytes>;

  /// Starts a message. Ends the program if OpenSSL cannot provide SHA-256.
  Sha256();

  void update(std::span<const std::uint8_t> bytes);
  /// The digest of what update() was given; then starts the next message.
  Digest finish();

  static Digest digest(std::span<const std::uint8_t> message);

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };

  void start();

  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace magnetar::hash
