#pragma once

#include <array>
#include <string>

namespace magnetar::hash {

/// The messages of the test vectors of RFC 9380, appendices J and K.
inline const std::array<std::string, 5> kMessages = {"", "abc", "abcdef0123456789", "q128_" + std::string(128, 'q'),
                                                     "a512_" + std::string(512, 'a')};

}  // namespace magnetar::hash
