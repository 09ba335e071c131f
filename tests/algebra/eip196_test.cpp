// The addition and multiplication cases that Ethereum clients are held to for EIP-196 (go-ethereum,
// core/vm/testdata/precompiles/bn256Add.json and bn256ScalarMul.json, by the names there). Numbers are big-endian; the
// scalar of a multiplication is any 256-bit integer, not reduced.

#include <gtest/gtest.h>

#include <array>
#include <string_view>
#include <tuple>

#include "engine/algebra/curve.h"

namespace magnetar::algebra {
namespace {

U256 number(std::string_view hex) {
  EXPECT_EQ(hex.size(), 64U);
  U256 value;
  for (const char c : hex) {
    value = value.shifted_left(4);
    value.limbs[0] |= static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return value;
}

/// The point written as x and y, which must be canonical and on the curve.
Bn254Affine point(std::string_view hex) {
  const auto x = Fq::from_canonical(number(hex.substr(0, 64)));
  const auto y = Fq::from_canonical(number(hex.substr(64)));
  EXPECT_TRUE(x && y);
  const Bn254Affine result{*x, *y};
  EXPECT_TRUE(result.is_on_curve());
  return result;
}

constexpr std::string_view kInfinity =
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00"
    "000000000000";
constexpr std::string_view kGenerator =
    "000000000000000000000000000000000000000000000000000000000000000100000000000000000000000000000000000000000000000000"
    "00"
    "000000000002";
constexpr std::string_view kA =
    "1a87b0584ce92f4593d161480614f2989035225609f08058ccfa3d0f940febe31a2f3c951f6dadcc7ee9007dff81504b0fcd6d7cf59996efdc"
    "33"
    "d92bf7f9f8f6";
constexpr std::string_view kB =
    "17c139df0efee0f766bc0204762b774362e4ded88953a39ce849a8a7fa163fa901e0559bacb160664764a357af8a9fe70baa9258e0b959273f"
    "fc"
    "5718c6d4cc7c";
constexpr std::string_view kC =
    "039730ea8dff1254c0fee9c0ea777d29a9c710b7e616683f194f18c43b43b869073a5ffcc6fc7a28c30723d6e58ce577356982d65b833a5a5c"
    "15"
    "bf9024b43d98";
constexpr std::string_view kMax = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
constexpr std::string_view kOrderMinusOne = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000000";
constexpr std::string_view kTwoTo128 = "0000000000000000000000000000000100000000000000000000000000000000";
constexpr std::string_view kNine = "0000000000000000000000000000000000000000000000000000000000000009";
constexpr std::string_view kOne = "0000000000000000000000000000000000000000000000000000000000000001";

TEST(Eip196, Addition) {
  struct Case {
    std::string_view name, a, b, sum;
  };
  const std::array cases{
      Case{"chfast1",
           "18b18acfb4c2c30276db5411368e7185b311dd124691610c5d3b74034e093dc9063c909c4720840cb5134cb9f59fa74975579681965"
           "8d3"
           "2efc0d288198f37266",
           "07c2b7f58a84bd6145f00c9c2bc0bb1a187f20ff2c92963a88019e7c6a014eed06614e20c147e940f2d70da3f74c9a17df361706a44"
           "85c"
           "742bd6788478fa17d7",
           "2243525c5efd4b9c3d3c45ac0ca3fe4dd85e830a4ce6b65fa1eeaee202839703301d1d33be6da8e509df21cc35964723180eed75325"
           "37d"
           "b9ae5e7d48f195c915"},
      Case{"chfast2",
           "2243525c5efd4b9c3d3c45ac0ca3fe4dd85e830a4ce6b65fa1eeaee202839703301d1d33be6da8e509df21cc35964723180eed75325"
           "37d"
           "b9ae5e7d48f195c915",
           "18b18acfb4c2c30276db5411368e7185b311dd124691610c5d3b74034e093dc9063c909c4720840cb5134cb9f59fa74975579681965"
           "8d3"
           "2efc0d288198f37266",
           "2bd3e6d0f3b142924f5ca7b49ce5b9d54c4703d7ae5648e61d02268b1a0a9fb721611ce0a6af85915e2f1d70300909ce2e49dfad4a4"
           "619"
           "c8390cae66cefdb204"},
      Case{"cdetrio1", kInfinity, kInfinity, kInfinity},
      Case{"cdetrio6", kInfinity, kGenerator, kGenerator},
      Case{"cdetrio9", kGenerator, kInfinity, kGenerator},
      Case{"cdetrio11", kGenerator, kGenerator,
           "030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd315ed738c0e0a7c92e7845f96b2ae9c0a68a6a449e35"
           "38f"
           "c7ff3ebf7a5a18a2c4"},
      Case{"cdetrio13", kB, kC,
           "15bf2bb17880144b5d1cd2b1f46eff9d617bffd1ca57c37fb5a49bd84e53cf66049c797f9ce0d17083deb32b5e36f2ea2a212ee0365"
           "98d"
           "d7624c168993d1355f"},
      Case{"cdetrio14", kB,
           "17c139df0efee0f766bc0204762b774362e4ded88953a39ce849a8a7fa163fa92e83f8d734803fc370eba25ed1f6b8768bd6d83887b"
           "871"
           "65fc2434fe11a830cb",
           kInfinity},
  };
  for (const auto& [name, a, b, sum] : cases) {
    EXPECT_EQ((Bn254Point(point(a)) + point(b)).to_affine(), point(sum)) << name;
    EXPECT_EQ((Bn254Point(point(a)) + Bn254Point(point(b))).to_affine(), point(sum)) << name;
  }
}

TEST(Eip196, Multiplication) {
  struct Case {
    std::string_view name, base, scalar, product;
  };
  const std::array cases{
      Case{"chfast1",
           "2bd3e6d0f3b142924f5ca7b49ce5b9d54c4703d7ae5648e61d02268b1a0a9fb721611ce0a6af85915e2f1d70300909ce2e49dfad4a4"
           "619"
           "c8390cae66cefdb204",
           "00000000000000000000000000000000000000000000000011138ce750fa15c2",
           "070a8d6a982153cae4be29d434e8faef8a47b274a053f5a4ee2a6c9c13c31e5c031b8ce914eba3a9ffb989f9cdd5b0f01943074bf4f"
           "0f3"
           "15690ec3cec6981afc"},
      Case{"chfast2",
           "070a8d6a982153cae4be29d434e8faef8a47b274a053f5a4ee2a6c9c13c31e5c031b8ce914eba3a9ffb989f9cdd5b0f01943074bf4f"
           "0f3"
           "15690ec3cec6981afc",
           "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd46",
           "025a6f4181d2b4ea8b724290ffb40156eb0adb514c688556eb79cdea0752c2bb2eff3f31dea215f1eb86023a133a996eb6300b44da6"
           "64d"
           "64251d05381bb8a02e"},
      Case{"chfast3",
           "025a6f4181d2b4ea8b724290ffb40156eb0adb514c688556eb79cdea0752c2bb2eff3f31dea215f1eb86023a133a996eb6300b44da6"
           "64d"
           "64251d05381bb8a02e",
           "183227397098d014dc2822db40c0ac2ecbc0b548b438e5469e10460b6c3e7ea3",
           "14789d0d4a730b354403b5fac948113739e276c23e0258d8596ee72f9cd9d3230af18a63153e0ec25ff9f2951dd3fa90ed0197bfef6"
           "e2a"
           "1a62b5095b9d2b4a27"},
      Case{"cdetrio1", kA, kMax,
           "2cde5879ba6f13c0b5aa4ef627f159a3347df9722efce88a9afbb20b763b4c411aa7e43076f6aee272755a7f9b84832e71559ba0d2e"
           "0b1"
           "7d5f9f01755e5b0d11"},
      Case{"cdetrio2", kA, kOrderMinusOne,
           "1a87b0584ce92f4593d161480614f2989035225609f08058ccfa3d0f940febe3163511ddc1c3f25d396745388200081287b3fd1472d"
           "833"
           "9d5fecb2eae0830451"},
      Case{"cdetrio3", kA, kTwoTo128,
           "1051acb0700ec6d42a88215852d582efbaef31529b6fcbc3277b5c1b300f5cf0135b2394bb45ab04b8bd7611bd2dfe1de6a4e6e2cce"
           "a1e"
           "a1955f577cd66af85b"},
      Case{"cdetrio4", kA, kNine,
           "1dbad7d39dbc56379f78fac1bca147dc8e66de1b9d183c7b167351bfe0aeab742cd757d51289cd8dbd0acf9e673ad67d0f0a89f912a"
           "f47"
           "ed1be53664f5692575"},
      Case{"cdetrio5", kA, kOne, kA},
      Case{"cdetrio6", kB, kMax,
           "29e587aadd7c06722aabba753017c093f70ba7eb1f1c0104ec0564e7e3e21f6022b1143f6a41008e7755c71c3d00b6b915d386de217"
           "83e"
           "f590486d8afa8453b1"},
      Case{"cdetrio7", kB, kOrderMinusOne,
           "17c139df0efee0f766bc0204762b774362e4ded88953a39ce849a8a7fa163fa92e83f8d734803fc370eba25ed1f6b8768bd6d83887b"
           "871"
           "65fc2434fe11a830cb"},
      Case{"cdetrio11", kC, kMax,
           "00a1a234d08efaa2616607e31eca1980128b00b415c845ff25bba3afcb81dc00242077290ed33906aeb8e42fd98c41bcb9057ba0342"
           "1af"
           "3f2d08cfc441186024"},
      Case{"cdetrio14", kC, kNine,
           "19f75b9dd68c080a688774a6213f131e3052bd353a304a189d7a2ee367e3c2582612f545fb9fc89fde80fd81c68fc7dcb27fea5fc12"
           "4ee"
           "da69433cf5c46d2d7f"},
  };
  for (const auto& [name, base, scalar, product] : cases) {
    EXPECT_EQ(Bn254Point(point(base)).times(number(scalar)).to_affine(), point(product)) << name;
  }
}

}  // namespace
}  // namespace magnetar::algebra
