#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace magnetar::worker {

/// What a worker keeps on disk, below one folder that several workers of a host may share:
///
///     prover-0/lock, id, unsent/KEY     of the first process, and of one after it
///     prover-1/...                      of a second process at the same time
///     checkpoints/KEY                   proofs on their way, which any of them can go on with
///
/// Files appear whole or not at all, whenever the process is killed.
class StateFolder {
 public:
  /// Takes the first prover's folder that no living process holds, making it if need be. The error is a sentence.
  static tl::expected<StateFolder, std::string> open(const std::filesystem::path& root);

  StateFolder(StateFolder&& other) noexcept;
  StateFolder& operator=(StateFolder&&) = delete;
  ~StateFolder();

  /// A random UUID, made once: no other process has it at the same time.
  const std::string& prover_id() const { return prover_id_; }

  /// Proofs that no orchestrator has confirmed yet, by their work's key.
  tl::expected<void, std::string> keep_proof(const std::string& key, std::string_view bytes);
  std::vector<std::string> kept_proofs() const;  ///< the oldest first
  std::optional<std::string> proof(const std::string& key) const;
  void discard_proof(const std::string& key);

  /// The last kCheckpoints works' checkpoints stay.
  tl::expected<void, std::string> save_checkpoint(const std::string& key, std::string_view bytes);
  std::optional<std::string> checkpoint(const std::string& key) const;
  void discard_checkpoint(const std::string& key);

  static constexpr std::size_t kCheckpoints = 8;

 private:
  StateFolder(std::filesystem::path own, std::filesystem::path checkpoints, int lock, std::string prover_id);

  std::filesystem::path own_;
  std::filesystem::path checkpoints_;
  int lock_;
  std::string prover_id_;
};

}  // namespace magnetar::worker
