#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "host/compile/descriptor.h"

namespace magnetar::compile {

/// The whole file, or errno; EFBIG if it has more than `max_bytes`.
tl::expected<std::string, int> read_whole(const std::filesystem::path& file, std::size_t max_bytes);

/// Puts `parts`, one behind the other, into a file that everyone may read and that takes the place of `file` at once.
/// The error is errno.
tl::expected<void, int> replace_file(const std::filesystem::path& file, std::span<const std::string_view> parts);

/// Waits until no other thread and no other process holds the lock `file`, which is made if need be. It is given back
/// with the descriptor. Once a stop is requested: ECANCELED. The error is errno.
tl::expected<Descriptor, int> lock_file(const std::filesystem::path& file, const std::stop_token& stop);

/// A folder, made if need be with its parents, that everyone may read. The error is errno.
tl::expected<void, int> make_folder(const std::filesystem::path& folder);

/// The SHA-256 of `parts`, each with its length before it, in hexadecimal.
std::string digest_of(std::span<const std::string_view> parts);

/// The SHA-256 of a file's bytes in hexadecimal, or errno.
tl::expected<std::string, int> digest_of_file(const std::filesystem::path& file);

/// What the system says about errno.
std::string error_text(int error);

}  // namespace magnetar::compile
