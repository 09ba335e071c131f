#include "engine/hash/sha256.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>

namespace magnetar::hash {

namespace {

/// OpenSSL's digests of byte strings in memory fail only when its configuration lacks them or memory is exhausted:
/// nothing that a caller could handle.
void require(bool done) {
  if (done) return;
  std::fputs("OpenSSL cannot compute SHA-256:\n", stderr);
  ERR_print_errors_fp(stderr);
  std::exit(2);
}

/// Fetched once: a look-up by name takes longer than a short digest.
const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  require(fetched != nullptr);
  return fetched;
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  require(context_ != nullptr);
  start();
}

void Sha256::start() {
  require(EVP_DigestInit_ex2(context_.get(), algorithm(), nullptr) == 1);
}

void Sha256::update(std::span<const std::uint8_t> bytes) {
  require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

Sha256::Digest Sha256::finish() {
  Digest digest;
  require(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
  start();
  return digest;
}

Sha256::Digest Sha256::digest(std::span<const std::uint8_t> message) {
  Sha256 hash;
  hash.update(message);
  return hash.finish();
}

}  // namespace magnetar::hash
