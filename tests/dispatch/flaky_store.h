#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "host/store/store.h"

namespace magnetar::dispatch {

/// A store that cannot be reached now and then: it then does nothing, or does what it is asked and loses the answer.
class FlakyStore final : public store::Store, private store::Blobs {
 public:
  FlakyStore(store::Store& store, double failures) : store_(store), failures_(failures) {}

  std::atomic<bool> reliable = false;
  std::atomic<int> failed = 0;

  store::Blobs& blobs() override { return *this; }
  store::Result<void> announce(const store::Caller& caller) override {
    return call<void>([&] { return store_.announce(caller); });
  }
  store::Result<std::vector<store::OrchestratorId>> living(const store::Caller& caller) override {
    return call<std::vector<store::OrchestratorId>>([&] { return store_.living(caller); });
  }
  store::Result<void> retire(const store::Caller& caller) override { return store_.retire(caller); }
  store::Result<store::Expected<Submission>> submit(const store::JobKey& key, const std::string& requester,
                                                    const store::QueueLimits& limits,
                                                    const store::Caller& caller) override {
    return call<store::Expected<Submission>>([&] { return store_.submit(key, requester, limits, caller); });
  }
  store::Result<bool> adopt(store::JobId job, const store::Caller& caller) override {
    return call<bool>([&] { return store_.adopt(job, caller); });
  }
  store::Result<bool> set_ready(store::JobId job, std::uint64_t steps_in_trace, std::uint64_t steps,
                                const store::Caller& caller) override {
    return call<bool>([&] { return store_.set_ready(job, steps_in_trace, steps, caller); });
  }
  store::Result<bool> split(store::JobId job, std::span<const store::SegmentRange> segments,
                            const store::Caller& caller) override {
    return call<bool>([&] { return store_.split(job, segments, caller); });
  }
  store::Result<bool> finish(store::JobId job, const store::Digest& result, store::Time expires_at,
                             const store::Caller& caller) override {
    return call<bool>([&] { return store_.finish(job, result, expires_at, caller); });
  }
  store::Result<bool> fail(store::JobId job, const store::Status& failure, store::Time expires_at,
                           const store::Caller& caller) override {
    return call<bool>([&] { return store_.fail(job, failure, expires_at, caller); });
  }
  store::Result<std::optional<store::JobRecord>> job(store::JobId job) override {
    return call<std::optional<store::JobRecord>>([&] { return store_.job(job); });
  }
  store::Result<std::vector<store::JobRecord>> open_jobs() override {
    return call<std::vector<store::JobRecord>>([&] { return store_.open_jobs(); });
  }
  store::Result<LeaseOutcome> lease(store::SegmentId segment, const std::string& prover, std::size_t max_leases,
                                    const store::Caller& caller) override {
    return call<LeaseOutcome>([&] { return store_.lease(segment, prover, max_leases, caller); });
  }
  store::Result<void> release(store::SegmentId segment, const std::string& prover,
                              const store::Caller& caller) override {
    return call<void>([&] { return store_.release(segment, prover, caller); });
  }
  store::Result<std::optional<store::SegmentRecord>> leased_segment(const std::string& prover,
                                                                    const store::Digest& program,
                                                                    const store::Digest& input,
                                                                    const store::SegmentRange& range) override {
    return call<std::optional<store::SegmentRecord>>(
        [&] { return store_.leased_segment(prover, program, input, range); });
  }
  store::Result<ProofOutcome> accept_proof(store::SegmentId segment, const std::string& prover,
                                           const store::Digest& proof, double observed_hertz,
                                           const store::Caller& caller) override {
    return call<ProofOutcome>([&] { return store_.accept_proof(segment, prover, proof, observed_hertz, caller); });
  }
  store::Result<store::Expected<store::ProverRecord>> connect_prover(const std::string& prover, store::ProverType type,
                                                                     double claimed_hertz,
                                                                     const store::Caller& caller) override {
    return call<store::Expected<store::ProverRecord>>(
        [&] { return store_.connect_prover(prover, type, claimed_hertz, caller); });
  }
  store::Result<void> disconnect_prover(const std::string& prover, const store::Caller& caller) override {
    return call<void>([&] { return store_.disconnect_prover(prover, caller); });
  }
  store::Result<void> quarantine(const std::string& prover, store::Time until, const std::string& reason,
                                 const store::Caller& caller) override {
    return call<void>([&] { return store_.quarantine(prover, until, reason, caller); });
  }
  store::Result<std::optional<store::ProverRecord>> prover(const std::string& prover) override {
    return call<std::optional<store::ProverRecord>>([&] { return store_.prover(prover); });
  }
  store::Result<std::vector<double>> idle_elsewhere(const store::Caller& caller) override {
    return call<std::vector<double>>([&] { return store_.idle_elsewhere(caller); });
  }
  store::Result<Collected> collect_garbage(store::Duration forget_provers, store::Duration blob_grace,
                                           const store::Caller& caller) override {
    return call<Collected>([&] { return store_.collect_garbage(forget_provers, blob_grace, caller); });
  }
  void watch(std::function<void(std::optional<store::JobId>)> changed) override { store_.watch(std::move(changed)); }
  bool shared() const override { return store_.shared(); }

 private:
  store::Result<store::Digest> put(std::span<const std::byte> bytes, store::Time now) override {
    return call<store::Digest>([&] { return store_.blobs().put(bytes, now); });
  }
  store::Result<store::Bytes> get(const store::Digest& digest) override {
    return call<store::Bytes>([&] { return store_.blobs().get(digest); });
  }
  store::Result<bool> contains(const store::Digest& digest) override {
    return call<bool>([&] { return store_.blobs().contains(digest); });
  }
  store::Result<std::size_t> collect(std::span<const store::Digest> referenced, store::Time older_than) override {
    return call<std::size_t>([&] { return store_.blobs().collect(referenced, older_than); });
  }

  template <typename T, typename F>
  store::Result<T> call(const F& f) {
    bool fails = false, before = false;
    {
      const std::lock_guard lock(mutex_);
      fails = !reliable && std::bernoulli_distribution(failures_)(random_);
      before = std::bernoulli_distribution(0.5)(random_);
    }
    const store::StoreError lost{store::StoreError::Kind::kUnavailable, "the connection is lost"};
    failed += fails ? 1 : 0;
    if (fails && before) return tl::unexpected(lost);
    auto result = f();
    if (fails) return tl::unexpected(lost);
    return result;
  }

  store::Store& store_;
  double failures_;
  std::mutex mutex_;
  std::mt19937 random_{11};
};

}  // namespace magnetar::dispatch
