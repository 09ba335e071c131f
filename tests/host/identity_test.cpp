// The id by which a store knows the orchestrators of a state folder.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "host/orchestrator_identity.h"

namespace magnetar::host {
namespace {

class OrchestratorIdentityTest : public testing::Test {
 protected:
  OrchestratorIdentityTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~OrchestratorIdentityTest() override { std::filesystem::remove_all(folder_); }

  std::optional<store::OrchestratorId> id() const {
    const auto identity = OrchestratorIdentity::open(folder_);
    EXPECT_TRUE(identity) << identity.error();
    return identity->id();
  }

  const std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) / "magnetar-orchestrator-identity";
};

TEST_F(OrchestratorIdentityTest, StaysForTheLifeOfTheFolder) {
  const auto first = id();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->size(), store::new_orchestrator_id().size());
  EXPECT_EQ(id(), first);
  EXPECT_EQ(id(), first);
}

TEST_F(OrchestratorIdentityTest, IsForOneProcessAtATime) {
  const auto held = OrchestratorIdentity::open(folder_);
  ASSERT_TRUE(held && held->id());
  EXPECT_EQ(id(), std::nullopt);
}

TEST_F(OrchestratorIdentityTest, IsMadeAgainWhereItIsNotWhole) {
  const auto first = id();
  ASSERT_TRUE(first);
  for (const std::string& text : {first->substr(1), *first + "x", std::string(200, 'a')}) {
    std::ofstream(folder_ / "orchestrator-id", std::ios::trunc) << text;
    const auto made = id();
    ASSERT_TRUE(made);
    EXPECT_NE(made, first);
    EXPECT_EQ(id(), made);
  }
}

TEST_F(OrchestratorIdentityTest, AFolderThatIsMissingIsAnError) {
  const auto identity = OrchestratorIdentity::open(folder_ / "missing");
  ASSERT_FALSE(identity);
  EXPECT_NE(identity.error().find("missing/orchestrator-id: No such file"), std::string::npos) << identity.error();
}

}  // namespace
}  // namespace magnetar::host
