#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "host/store/database.h"
#include "host/store/postgres_database.h"
#include "host/store/sqlite_database.h"
#include "host/store/store.h"

namespace magnetar::store {

/// The store in a database of either kind.
class SqlStore final : public Store {
 public:
  /// The database has the present schema, and is used by nobody else in this process. `address` is PostgreSQL's, to
  /// listen there; `lock`, of a SQLite file, is held as long as the store.
  SqlStore(std::unique_ptr<Database> database, std::unique_ptr<Blobs> blobs, std::string address,
           std::optional<FileLock> lock);

  Blobs& blobs() override { return *blobs_; }

  Result<void> announce(const Caller& caller) override;
  Result<std::vector<OrchestratorId>> living(const Caller& caller) override;
  Result<void> retire(const Caller& caller) override;

  Result<Expected<Submission>> submit(const JobKey& key, const std::string& requester, const QueueLimits& limits,
                                      const Caller& caller) override;
  Result<bool> adopt(JobId job, const Caller& caller) override;
  Result<bool> set_ready(JobId job, std::uint64_t steps_in_trace, std::uint64_t steps, const Caller& caller) override;
  Result<bool> split(JobId job, std::span<const SegmentRange> segments, const Caller& caller) override;
  Result<bool> finish(JobId job, const Digest& result, Time expires_at, const Caller& caller) override;
  Result<bool> fail(JobId job, const Status& failure, Time expires_at, const Caller& caller) override;
  Result<std::optional<JobRecord>> job(JobId job) override;
  Result<std::vector<JobRecord>> open_jobs() override;

  Result<LeaseOutcome> lease(SegmentId segment, const std::string& prover, std::size_t max_leases,
                             const Caller& caller) override;
  Result<void> release(SegmentId segment, const std::string& prover, const Caller& caller) override;
  Result<std::optional<SegmentRecord>> leased_segment(const std::string& prover, const Digest& program,
                                                      const Digest& input, const SegmentRange& range) override;
  Result<ProofOutcome> accept_proof(SegmentId segment, const std::string& prover, const Digest& proof,
                                    double observed_hertz, const Caller& caller) override;

  Result<Expected<ProverRecord>> connect_prover(const std::string& prover, ProverType type, double claimed_hertz,
                                                const Caller& caller) override;
  Result<void> disconnect_prover(const std::string& prover, const Caller& caller) override;
  Result<void> quarantine(const std::string& prover, Time until, const std::string& reason,
                          const Caller& caller) override;
  Result<std::optional<ProverRecord>> prover(const std::string& prover) override;
  Result<std::vector<double>> idle_elsewhere(const Caller& caller) override;

  Result<Collected> collect_garbage(Duration forget_provers, Duration blob_grace, const Caller& caller) override;
  void watch(std::function<void(std::optional<JobId>)> changed) override;
  bool shared() const override { return database_->shared(); }

 private:
  /// Calls `f` as a transaction, alone.
  template <typename F>
  auto transaction(const F& f, Durability durability = Durability::kSynced) -> decltype(f()) {
    const std::lock_guard lock(mutex_);
    return in_transaction(*database_, f, durability);
  }
  Result<std::vector<Row>> query(std::string_view sql, std::initializer_list<Value> parameters = {}) {
    return database_->query(sql, parameters);
  }
  /// Runs one statement in a transaction, for nothing but its effect.
  Result<void> run(std::string_view sql, std::initializer_list<Value> parameters);
  /// Runs one statement that changes a job and returns its row, and tells the others; false if it returns none.
  Result<bool> change_job(JobId job, std::string_view sql, std::initializer_list<Value> parameters,
                          const Caller& caller);
  Result<void> tell(JobId job, const Caller& caller);
  /// The jobs that a condition of one parameter selects, with their segments and leases, by id.
  Result<std::vector<JobRecord>> load_jobs(std::string_view condition, const Value& parameter);

  std::mutex mutex_;
  std::optional<FileLock> lock_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Blobs> blobs_;
  std::string address_;
  std::mutex self_mutex_;
  OrchestratorId self_;  // whose notifications are not for us
  std::unique_ptr<PostgresListener> listener_;
};

}  // namespace magnetar::store
