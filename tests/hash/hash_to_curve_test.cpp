#include "engine/hash/hash_to_curve.h"

#include <gtest/gtest.h>

#include <charconv>
#include <random>
#include <string>
#include <vector>

#include "engine/hash/square_roots.h"
#include "engine/hash/svdw_parameters.h"
#include "rfc9380_messages.h"

namespace magnetar::hash {
namespace {

using algebra::AffinePoint;
using algebra::Bn254;
using algebra::Fq;
using algebra::Fr;
using algebra::Grumpkin;
using algebra::U256;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The element written in 64 hexadecimal digits.
template <class F>
F element(std::string_view digits) {
  EXPECT_EQ(digits.size(), 64U);
  U256 value;
  for (std::size_t limb = 0; limb < 4; ++limb) {
    const std::string_view part = digits.substr(16 * (3 - limb), 16);
    const auto parsed = std::from_chars(part.data(), part.data() + part.size(), value.limbs[limb], 16);
    EXPECT_EQ(parsed.ptr, part.data() + part.size());
  }
  const auto result = F::from_canonical(value);
  EXPECT_TRUE(result) << digits;
  return result.value_or(F::zero());
}

template <class C>
AffinePoint<C> point(const std::string_view (&coordinates)[2]) {
  using F = typename C::BaseField;
  return {element<F>(coordinates[0]), element<F>(coordinates[1])};
}

// github.com/Consensys/gnark-crypto, ecc/bn254/hash_vectors_test.go (hashToG1Vector): what hash_to_field gives,
// the point of each element, their sum.
TEST(HashToCurve, MatchesTheVectorsOfBn254) {
  constexpr std::string_view kTag = "QUUX-V01-CS02-with-BN254G1_XMD:SHA-256_SVDW_RO_";
  const struct {
    std::string message;
    std::string_view u[2];
    std::string_view mapped[2][2];
    std::string_view result[2];
  } vectors[] = {
      {kMessages[0],
       {"2f87b81d9d6ef05ad4d249737498cc27e1bd485dca804487844feb3c67c1a9b5",
        "06de2d0d7c0d9c7a5a6c0b74675e7543f5b98186b5dbf831067449000b2b1f8e"},
       {{"0e449b959abbd0e5ab4c873eaeb1ccd887f1d9ad6cd671fd72cb8d77fb651892",
         "29ff1e36867c60374695ee0c298fcbef2af16f8f97ed356fa75e61a797ebb265"},
        {"19388d9112a306fba595c3a8c63daa8f04205ad9581f7cf105c63c442d7c6511",
         "182da356478aa7776d1de8377a18b41e933036d0b71ab03f17114e4e673ad6e4"}},
       {"0a976ab906170db1f9638d376514dbf8c42aef256a54bbd48521f20749e59e86",
        "02925ead66b9e68bfc309b014398640ab55f6619ab59bc1fab2210ad4c4d53d5"}},
      {kMessages[1],
       {"11945105b5e3d3b9392b5a2318409cbc28b7246aa47fa30da5739907737799a9",
        "1255fc9ad5a6e0fb440916f091229bda611c41be2f2283c3d8f98c596be4c8c9"},
       {{"1452c8cc24f8dedc25b24d89b87b64e25488191cecc78464fea84077dd156f8d",
         "209c3633505ba956f5ce4d974a868db972b8f1b69d63c218d360996bcec1ad41"},
        {"04e8357c98524e6208ae2b771e370f0c449e839003988c2e4ce1eaf8d632559f",
         "04396ec43dd8ec8f2b4a705090b5892219759da30154c39490fc4d59d51bb817"}},
       {"23f717bee89b1003957139f193e6be7da1df5f1374b26a4643b0378b5baf53d1",
        "04142f826b71ee574452dbc47e05bc3e1a647478403a7ba38b7b93948f4e151d"}},
      {kMessages[2],
       {"2f7993a6b43a8dbb37060e790011a888157f456b895b925c3568690685f4983d",
        "2677d0532b47a4cead2488845e7df7ebc16c0b8a2cd8a6b7f4ce99f51659794e"},
       {{"28d01790d2a1cc4832296774438acd46c2ce162d03099926478cf52319daba8d",
         "10227ab2707fd65fb45e87f0a48cfe3556f04113d27b1da9a7ae1709007355e1"},
        {"07dc256c7aadac1b4e1d23b3b2bbb5e2ffd9c753b9073d8d952ead8f812ce1b3",
         "2589008b2e15dcb3d16cdc1fed2634778001b1b28f0ab433f4f5ec6635c55e1e"}},
       {"187dbf1c3c89aceceef254d6548d7163fdfa43084145f92c4c91c85c21442d4a",
        "0abd99d5b0000910b56058f9cc3b0ab0a22d47cf27615f588924fac1e5c63b4d"}},
      {kMessages[3],
       {"2a50be15282ee276b76db1dab761f75401cdc8bd9fff81fcf4d428db16092a7b",
        "23b41953676183c30aca54b5c8bd3ffe3535a6238c39f6b15487a5467d5d20eb"},
       {{"1c53b05f2fce15ba0b9100650c0fb46de1fb62f1d0968b69151151bd25dfefa4",
         "1fe783faf4bdbd79b717784dc59619106e4acccfe3b5d9750799729d855e7b81"},
        {"214a4e6e97adda47558f80088460eabd71ed35bc8ceafb99a493dd6f4e2b3f0a",
         "0faaeb29cc23f9d09b187a99741613aed84443e7c35736258f57982d336d13bd"}},
       {"00fe2b0743575324fc452d590d217390ad48e5a16cf051bee5c40a2eba233f5c",
        "0794211e0cc72d3cbbdf8e4e5cd6e7d7e78d101ff94862caae8acbe63e9fdc78"}},
      {kMessages[4],
       {"048527470f534978bae262c0f3ba8380d7f560916af58af9ad7dcb6a4238e633",
        "19a6d8be25702820b9b11eada2d42f425343889637a01ecd7672fbcf590d9ffe"},
       {{"2298ba379768da62495af6bb390ffca9156fde1dc167235b89c6dd008d2f2f3b",
         "0660564cf6fce5cdea4780f5976dd0932559336fd072b4ddd83ec37f00fc7699"},
        {"2811dea430f7a1f6c8c941ecdf0e1e725b8ad1801ad15e832654bd8f10b62f16",
         "253390ed4fb39e58c30ca43892ab0428684cfb30b9df05fc239ab532eaa02444"}},
       {"01b05dc540bd79fd0fea4fbb07de08e94fc2e7bd171fe025c479dc212a2173ce",
        "1bf028afc00c0f843d113758968f580640541728cfc6d32ced9779aa613cd9b0"}},
  };
  for (const auto& vector : vectors) {
    std::vector<Fq> u(2);
    ASSERT_TRUE(hash_to_field(bytes_of(vector.message), kTag, std::span(u)));
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(u[i], element<Fq>(vector.u[i]));
      EXPECT_EQ(map_to_curve<Bn254>(u[i]), point<Bn254>(vector.mapped[i]));
    }
    EXPECT_EQ(hash_to_curve<Bn254>(bytes_of(vector.message), kTag), point<Bn254>(vector.result));
  }
}

// Nobody publishes vectors for Grumpkin: these are of tests/hash/reference.py.
TEST(HashToCurve, MatchesTheIndependentImplementationOnGrumpkin) {
  constexpr std::string_view kTag = "QUUX-V01-CS02-with-GRUMPKIN_XMD:SHA-256_SVDW_RO_";
  const struct {
    std::string message;
    std::string_view u[2];
    std::string_view result[2];
  } vectors[] = {
      {kMessages[0],
       {"073a90ef88d67323a007dbc2cfa12ced38a49f074768ac4a26c553b62b284013",
        "087f8b7da7b98161f5de87c42c57d5701b8e302a051b9a6536a86672f91d20c4"},
       {"194def2e875ed68c92df45d2f53b5dc1eae719df7396679a6b734b470464bb8b",
        "2a790b278e7887ae35e0e602cb23d4459065fbf9e304b0654a786348b11dea8d"}},
      {kMessages[1],
       {"243f79c9089789458bceb04393bf8d06c84c83197296d402e3157f91829bee87",
        "13e3e8a3596b10bc55a755f1444af9b940d8dd438fde794f52ad2b8a0f97ea31"},
       {"2e255ed918c769e7a478e7913bd93521b7037843482be64f0cb9a2ba3bfbb327",
        "2e222d505b0425841df58a257b5588fec753cd60ccfa9101f298f3e79a4d4575"}},
      {kMessages[2],
       {"1c906115d6a30505a64da2f9a7faab1f7860317ae16b517ae4bacd8087db8f7e",
        "28905354088484c3ce3f7a73cbccc82538ffa83262b92c3b81c09ac645201c13"},
       {"2cec3c07cfe003e8a250381aed4ed8759733b4b62d6f150ce2f0bd5fbb59cfc5",
        "098869b15a31f9618c9402340484126367349fd58e04fbfc31d7ec9481cf396b"}},
      {kMessages[3],
       {"0c854a7b87fa450fe7d8fd4566a8f1ac65aefea2b0c69db342bf55d1a2566fad",
        "080afe68af6c6e79f8f282c427e027d535b8897b07fa510c4424acb41bdf286d"},
       {"1e416497eced03b74aae8c43b8e898e0372683a55d08c80843176317c3c17c11",
        "0668a0784670f0d7f6b3d171db1802746ce0517841914ecb2ed1559ed8e0f5d7"}},
      {kMessages[4],
       {"2d194c6f3d6ef1c20469fb65dbb0724312c977e40a833a12df5f5edf61d00880",
        "1e4bf962df58bff3f29194ad8538a7b6d402ac4a96be18f44b1ae70ae37e02f1"},
       {"30360bdd6e0006babdefb7eb994ef38306df173407bd80b7222a0614045c1056",
        "0e7c81fa2217437f6e0c1f11ab9e4e1fd882fa9b745a6bd6da0aea969fe7dab3"}},
  };
  for (const auto& vector : vectors) {
    std::vector<Fr> u(2);
    ASSERT_TRUE(hash_to_field(bytes_of(vector.message), kTag, std::span(u)));
    EXPECT_EQ(u[0], element<Fr>(vector.u[0]));
    EXPECT_EQ(u[1], element<Fr>(vector.u[1]));
    EXPECT_EQ(hash_to_curve<Grumpkin>(bytes_of(vector.message), kTag), point<Grumpkin>(vector.result));
  }
}

// The constants of github.com/Consensys/gnark-crypto, ecc/grumpkin/hash_to_curve, in Montgomery form with R = 2^256.
TEST(HashToCurve, SharesItsConstantsOnGrumpkin) {
  using S = Svdw<Grumpkin>;
  EXPECT_EQ(S::kZ.montgomery(),
            (U256{{12436184717236109307U, 3962172157175319849U, 7381016538464732718U, 1011752739694698287U}}));
  EXPECT_EQ(S::kC1.montgomery(),
            (U256{{9945788691500761173U, 6430049622857769019U, 3649927362066405102U, 1246947498899680730U}}));
  EXPECT_EQ(S::kC2.montgomery(),
            (U256{{14674382058109796355U, 8690743149920539059U, 2950087706404981015U, 1237622763554136189U}}));
  EXPECT_EQ(S::kC3.montgomery(),
            (U256{{13810035865635542012U, 18434659582482110917U, 5527417781862982147U, 1648708720397174142U}}));
  EXPECT_EQ(S::kC4.montgomery(),
            (U256{{10077153171078468837U, 472429577399671532U, 14563536826422671818U, 1824401601603396358U}}));
}

TEST(HashToCurve, RefusesAnEmptyTag) {
  EXPECT_EQ(hash_to_curve<Bn254>({}, "").error(), ExpandMessageError::kEmptyTag);
  EXPECT_EQ(hash_to_curve<Grumpkin>({}, "").error(), ExpandMessageError::kEmptyTag);
}

template <class C>
class SvdwMap : public testing::Test {
 public:
  using F = typename C::BaseField;

  /// 0, ±1, ±2, and every u at which a denominator of the map vanishes: 1 ± c1·u² = 0.
  static std::vector<F> edges() {
    std::vector<F> u = {F::zero(), F::one(), -F::one(), F::from_u64(2), -F::from_u64(2)};
    for (const F& target : {F::one(), -F::one()}) {
      const auto root = (target * Svdw<C>::kC1.inverse()).sqrt();
      if (!root) continue;
      u.push_back(*root);
      u.push_back(-*root);
    }
    EXPECT_GT(u.size(), 5U);
    return u;
  }
};
using Curves = testing::Types<Bn254, Grumpkin>;
TYPED_TEST_SUITE(SvdwMap, Curves);

/// find_z_svdw of RFC 9380, appendix H.1, for A = 0.
template <class C>
typename C::BaseField find_z() {
  using F = typename C::BaseField;
  for (std::uint64_t counter = 1;; ++counter) {
    for (const F& z : {F::from_u64(counter), -F::from_u64(counter)}) {
      const F g = Svdw<C>::g(z);
      if (g.is_zero()) continue;
      const F h = -(F::from_u64(3) * z.square()) * (F::from_u64(4) * g).inverse();
      if (h.is_zero() || !h.is_square()) continue;
      if (g.is_square() || Svdw<C>::g(-z * F::from_u64(2).inverse()).is_square()) return z;
    }
  }
}

TYPED_TEST(SvdwMap, ConstantsFollowFromZ) {
  using S = Svdw<TypeParam>;
  using Base = typename TypeParam::BaseField;
  const Base z = find_z<TypeParam>();
  const Base three_z2 = Base::from_u64(3) * z * z;
  EXPECT_EQ(S::kZ, z);
  EXPECT_EQ(S::kC1, z * z * z + TypeParam::kB);
  EXPECT_EQ(S::kC2 * Base::from_u64(2), -z);
  const auto root = (-S::kC1 * three_z2).sqrt();
  ASSERT_TRUE(root);
  EXPECT_FALSE(root->is_odd());
  EXPECT_EQ(S::kC3, *root);
  EXPECT_EQ(S::kC4 * three_z2, -Base::from_u64(4) * S::kC1);
}

TYPED_TEST(SvdwMap, GivesAPointWithTheSignOfU) {
  using Base = typename TypeParam::BaseField;
  std::vector<Base> inputs = TestFixture::edges();
  std::mt19937_64 generator(5);
  for (int i = 0; i < 200; ++i) inputs.push_back(Base::random(generator));
  for (const Base& u : inputs) {
    const auto mapped = map_to_curve<TypeParam>(u);
    EXPECT_TRUE(mapped.is_on_curve());
    EXPECT_FALSE(mapped.is_infinity());
    EXPECT_EQ(mapped.y.is_odd(), u.is_odd());
  }
}

TYPED_TEST(SvdwMap, TakesVanishingDenominatorsToTheFirstSquare) {
  using Base = typename TypeParam::BaseField;
  using S = Svdw<TypeParam>;
  // With tv3 = 0 the candidates are x1 = x2 = -Z/2 and x3 = Z.
  const Base expected = S::g(S::kC2).is_square() ? S::kC2 : S::kZ;
  const std::vector<Base> edges = TestFixture::edges();
  for (std::size_t i = 5; i < edges.size(); ++i) EXPECT_EQ(map_to_curve<TypeParam>(edges[i]).x, expected);
}

TYPED_TEST(SvdwMap, BatchesEqualSingleMaps) {
  using Base = typename TypeParam::BaseField;
  std::vector<Base> inputs = TestFixture::edges();
  std::mt19937_64 generator(6);
  for (int i = 0; i < 100; ++i) inputs.push_back(Base::random(generator));
  for (const std::size_t count :
       {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{17}, inputs.size()}) {
    std::vector<AffinePoint<TypeParam>> batch(count);
    map_to_curve<TypeParam>(std::span(inputs).first(count), std::span(batch));
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(batch[i], map_to_curve<TypeParam>(inputs[i])) << i;
  }
}

template <class F>
class SquareRoots : public testing::Test {};
using Fields = testing::Types<Fr, Fq>;
TYPED_TEST_SUITE(SquareRoots, Fields);

TYPED_TEST(SquareRoots, EqualTheRootsOfTheField) {
  using F = TypeParam;
  std::vector<F> a = {F::zero(), F::one(), -F::one(), F::from_u64(F::Parameters::kNonResidue)};
  std::mt19937_64 generator(8);
  for (int i = 0; i < 60; ++i) a.push_back(F::random(generator));
  // All orders of a 2-power root of unity.
  F root = F::from_u64(F::Parameters::kNonResidue);
  for (std::size_t i = 0; i <= F::kTwoAdicity; ++i, root = root.square()) a.push_back(root);
  std::vector<F> roots(a.size());
  std::vector<std::uint8_t> exists(a.size());
  square_roots<F>(a, roots, exists);
  std::size_t squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto expected = a[i].sqrt();
    ASSERT_EQ(exists[i] != 0, expected.has_value()) << i;
    if (!expected) continue;
    EXPECT_EQ(roots[i], *expected) << i;
    ++squares;
  }
  EXPECT_GT(squares, 10U);
  EXPECT_LT(squares, a.size());
}

}  // namespace
}  // namespace magnetar::hash
