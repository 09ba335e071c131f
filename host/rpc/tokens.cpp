#include "host/rpc/tokens.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <sstream>
#include <utility>

namespace magnetar::rpc {

tl::expected<Tokens, std::string> Tokens::parse(std::string_view text) {
  Tokens tokens;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (unsigned number = 1; std::getline(lines, line); ++number) {
    const auto refuse = [number](std::string_view why) {
      return tl::unexpected(fmt::format("line {}: {}; a line is NAME TOKEN [request] [compile]", number, why));
    };
    std::istringstream words(line.substr(0, line.find('#')));
    Holder holder;
    std::string token;
    if (!(words >> holder.name)) continue;
    if (!(words >> token)) return refuse("a name without a token");
    if (token.size() < kMinTokenBytes) {
      return refuse(fmt::format("a token of less than {} characters can be guessed", kMinTokenBytes));
    }
    std::string scope;
    bool scoped = false;
    while (words >> scope) {
      scoped = true;
      if (scope == "request") {
        holder.may_request = true;
      } else if (scope == "compile") {
        holder.may_compile = true;
      } else {
        return refuse(fmt::format("'{}' is no scope", scope));
      }
    }
    if (!scoped) holder.may_request = holder.may_compile = true;
    if (!tokens.holders_.emplace(digest(token), std::move(holder)).second) return refuse("a token that came before");
  }
  return tokens;
}

const Tokens::Holder* Tokens::find(std::string_view token) const {
  const auto found = holders_.find(digest(token));
  return found == holders_.end() ? nullptr : &found->second;
}

Tokens::Digest Tokens::digest(std::string_view token) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest.data());
  return digest;
}

}  // namespace magnetar::rpc
