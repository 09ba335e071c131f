#include "host/worker/work.h"

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace magnetar::worker {
namespace {

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

std::string Work::key() const {
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
  const auto add_number = [&](std::uint64_t value) {
    std::array<unsigned char, 8> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(value >> (8 * i));
    EVP_DigestUpdate(context.get(), bytes.data(), bytes.size());
  };
  add_number(elf.size());
  EVP_DigestUpdate(context.get(), elf.data(), elf.size());
  add_number(input.size());
  EVP_DigestUpdate(context.get(), input.data(), input.size());
  add_number(first_step);
  // No range has as many steps.
  add_number(steps.value_or(UINT64_MAX));
  std::array<unsigned char, 32> digest;
  EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);

  std::string text;
  text.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace magnetar::worker
