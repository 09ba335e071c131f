#pragma once

#include <cstdint>
#include <string_view>

namespace magnetar::algebra {

/// Why bytes were refused as a field element or a point.
enum class DecodeError : std::uint8_t {
  kWrongLength,   // not the exact number of bytes
  kNotCanonical,  // an integer not below the modulus
  kInvalidFlags,  // flag bits in a combination that no encoder writes
  kNotOnCurve,    // no point of the curve has these coordinates, or this x
};

constexpr std::string_view describe(DecodeError error) {
  switch (error) {
    case DecodeError::kWrongLength:
      return "wrong number of bytes";
    case DecodeError::kNotCanonical:
      return "field element not below the modulus";
    case DecodeError::kInvalidFlags:
      return "invalid flag bits in a point encoding";
    case DecodeError::kNotOnCurve:
      return "point not on the curve";
  }
  return "unknown decoding error";
}

}  // namespace magnetar::algebra
